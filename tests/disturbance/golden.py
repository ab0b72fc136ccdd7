"""Images whose digits are known, of whatever model a repository has."""

import base64
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from digitserve_bench.payloads import SIDE_PX, model_folder


class Golden(NamedTuple):
    """Images, uint8 (N, 28, 28), and the digits that the model must read in them."""

    images: npt.NDArray[np.uint8]
    digits: list[int]


def golden(repository: Path) -> Golden:
    """The golden samples of the newest version of `digits`."""
    samples = json.loads((model_folder(repository) / "manifest.json").read_text())["golden_samples"]
    pixels = b"".join(base64.b64decode(sample["pixels"]) for sample in samples)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
    return Golden(images, [int(np.argmax(sample["probabilities"])) for sample in samples])
