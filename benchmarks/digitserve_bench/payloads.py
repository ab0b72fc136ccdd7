"""What is sent: the golden samples of the model, and variations of them."""

import struct
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve_serving.manifest import Manifest, read_manifest
from digitserve_serving.repository import newest_versions

Images = npt.NDArray[np.uint8]

SINGLE = "/digitserve.v1.DigitService/ClassifyImage"
BATCH = "/digitserve.v1.DigitService/BatchClassifyImages"
STREAM = "/digitserve.v1.DigitService/StreamClassifyImages"
FRAME_BYTES = 5  # of gRPC around each message


def model_folder(models: Path, name: str = "digits") -> Path:
    """The version that a server on this repository answers with."""
    return next(folder.path for folder in newest_versions(models) if folder.name == name)


def manifest(models: Path) -> Manifest:
    """The manifest of that version."""
    return read_manifest(model_folder(models) / "manifest.json")


def digits(models: Path, number: int) -> Images:
    """Images (number, 28, 28): the golden samples, each moved by up to 2 px, so that answers differ."""
    golden = manifest(models).golden_images()
    moved = [np.roll(golden, (dy, dx), axis=(1, 2)) for dy in range(-2, 3) for dx in range(-2, 3)]
    some = np.concatenate(moved)
    return np.resize(some, (number, *some.shape[1:]))


def endless(images: Images) -> Iterator[Images]:
    """One image after the other, again and again."""
    for number in count():
        yield images[number % len(images)]


def single_message(image: Images) -> bytes:
    """A ClassifyImage request as it goes over the wire, in gRPC's frame."""
    return framed(digits_pb2.ClassifyImageRequest(pixels=image.tobytes()).SerializeToString())


def batch_message(images: Images) -> bytes:
    """A request of BatchClassifyImages or StreamClassifyImages, which are the same bytes, in gRPC's frame."""
    return framed(digits_pb2.BatchClassifyImagesRequest(pixels=images.tobytes()).SerializeToString())


def framed(message: bytes) -> bytes:
    """A message in gRPC's frame: not compressed, its length, itself."""
    return b"\0" + struct.pack(">I", len(message)) + message
