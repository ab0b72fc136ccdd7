"""MATLAB files, as EMNIST and SVHN are published."""

import os
import struct
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from digitserve_training.data.part import MOST_BYTES, check_bytes
from digitserve_training.errors import DataError

HEADER_BYTES = 128
PLAIN, COMPRESSED = 14, 15
CHUNK_BYTES = 1 << 16  # which unpack to 64 MiB at most


def read_mat(file: Path, variables: tuple[str, ...]) -> Mapping[str, Any]:
    """Those of the variables that the file holds: arrays, and structs as mappings. Raises DataError."""
    wanted = "a MATLAB file, version 7"
    with file.open("rb") as stream:
        try:
            _check(file, stream)
            return _loaded(stream, variables)
        except DataError:
            raise
        except Exception as error:  # SciPy raises a dozen classes for what is damaged
            raise DataError(str(file), "the file is damaged or of another kind", wanted) from error


def _loaded(stream: BinaryIO, variables: tuple[str, ...]) -> Mapping[str, Any]:
    from scipy.io import loadmat, matlab  # noqa: PLC0415  only who reads such a file has to wait for it

    with warnings.catch_warnings():
        warnings.simplefilter("error", matlab.MatReadWarning)  # of a variable it could not read
        loaded: Mapping[str, Any] = loadmat(stream, variable_names=variables, simplify_cells=True)
    return {name: loaded[name] for name in variables if name in loaded}


def _check(file: Path, stream: BinaryIO) -> None:
    """Looks for damage, and for more than memory should hold: SciPy does neither before it is too late.

    Damage is told by the checksum of compressed variables; what has none may crash the process.
    """
    length, order = stream.seek(0, os.SEEK_END), _byte_order(stream)
    while stream.tell() < length:
        kind, size = struct.unpack(f"{order}II", stream.read(8))
        if kind == PLAIN:
            raise DataError(
                str(file), "a variable that is not compressed", "compression, as version 7 has it"
            )
        if kind != COMPRESSED or stream.tell() + size > length:
            raise ValueError(f"a variable of kind {kind}, {size} bytes")
        check_bytes(str(file), _unpacked_bytes(stream, size))
    stream.seek(0)


def _byte_order(stream: BinaryIO) -> str:
    stream.seek(0)
    return "<" if stream.read(HEADER_BYTES).endswith(b"IM") else ">"


def _unpacked_bytes(stream: BinaryIO, size: int) -> int:
    """How much so many bytes hold, at most one more than is allowed. Raises zlib.error."""
    unpacker, unpacked, left = zlib.decompressobj(), 0, size
    while left and unpacked <= MOST_BYTES:
        packed = stream.read(min(left, CHUNK_BYTES))
        unpacked += len(unpacker.decompress(packed))
        left -= len(packed)
    if not left and not unpacker.eof:
        raise ValueError("compressed data that do not end")
    return unpacked
