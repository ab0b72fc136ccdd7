"""What is sent: the golden samples of the model, and variations of them."""

import base64
import json
import struct
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from digitserve.v1 import digit_service_pb2 as digits_pb2

Images = npt.NDArray[np.uint8]

SINGLE = "/digitserve.v1.DigitService/ClassifyImage"
BATCH = "/digitserve.v1.DigitService/BatchClassifyImages"
STREAM = "/digitserve.v1.DigitService/StreamClassifyImages"
DEFAULT_MODEL = "digits"
SIDE_PX = 28
FRAME_BYTES = 5  # of gRPC around each message


def model_folder(models: Path) -> Path:
    """The version that a server on this repository answers with: the newest of its default model."""
    versions = [folder for folder in (models / DEFAULT_MODEL).iterdir() if folder.name.isdecimal()]
    return max(versions, key=lambda folder: int(folder.name))


def digits(models: Path, number: int) -> Images:
    """Images (number, 28, 28): the golden samples, each moved by up to 2 px, so that answers differ."""
    manifest = json.loads((model_folder(models) / "manifest.json").read_text())
    pixels = b"".join(base64.b64decode(sample["pixels"]) for sample in manifest["golden_samples"])
    golden = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
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
