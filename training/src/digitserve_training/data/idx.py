"""IDX files: arrays of bytes as MNIST was published, plain or packed by gzip.

The format is described beside the original files: a magic number of four bytes (two zeros, the type of
the elements, the number of dimensions), the length of each dimension as a big-endian 32-bit integer, and the
elements.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from digitserve_training.data.part import check_bytes
from digitserve_training.errors import DataError

UNSIGNED_BYTE = 0x08


def read_idx(file: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of bytes, with so many dimensions, that the file holds. Raises DataError."""
    wanted = f"an IDX file of bytes in {dimensions} dimension{'s' * (dimensions > 1)}"
    try:
        with _opened(file) as stream:
            return _array(file, stream, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(str(file), f"damaged, or not packed by gzip ({error})", wanted) from error


def _opened(file: Path) -> BinaryIO:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]  # is one


def _array(file: Path, stream: BinaryIO, dimensions: int) -> npt.NDArray[np.uint8]:
    shape = _shape(file, stream, dimensions)
    size = math.prod(shape)
    check_bytes(str(file), size)
    content = stream.read(size + 1)
    if len(content) != size:
        found = "more bytes" if len(content) > size else f"{len(content):,} bytes after the header"
        raise DataError(
            str(file), found, f"{size:,}, for the {' x '.join(map(str, shape))} that it announces"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(file: Path, stream: BinaryIO, dimensions: int) -> tuple[int, ...]:
    magic, wanted = stream.read(4), bytes((0, 0, UNSIGNED_BYTE, dimensions))
    if magic != wanted:
        raise DataError(str(file), f"magic number 0x{magic.hex()}", f"0x{wanted.hex()}")
    lengths = stream.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise DataError(str(file), "it ends in its header", f"the lengths of {dimensions} dimensions")
    return struct.unpack(f">{dimensions}I", lengths)
