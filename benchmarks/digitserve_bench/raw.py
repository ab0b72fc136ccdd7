"""Onnxruntime by itself: the floor of all servers, and the judge of their answers."""

import os
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when onnxruntime is imported

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from digitserve_bench.payloads import Images, model_folder


class RawModel:
    """One session on the model that the servers serve, with so many threads, which do not spin when idle."""

    def __init__(self, models: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        file = model_folder(models) / "model.onnx"
        self._session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, images: Images) -> npt.NDArray[np.float32]:
        """Probabilities (N, classes) of images (N, height, width)."""
        return self._session.run(None, {self._input: images})[0]  # type: ignore[no-any-return]  # untyped
