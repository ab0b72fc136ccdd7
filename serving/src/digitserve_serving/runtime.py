"""onnxruntime, held the way a server needs it."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when onnxruntime is imported

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


class OnnxModel:
    """One loaded graph: uint8 images (N, height, width) to float32 probabilities (N, classes)."""

    def __init__(self, onnx: bytes, *, threads: int) -> None:
        """Raises onnxruntime's own errors when the bytes are not a graph it can run."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle threads that spin take the cores from gRPC.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name

    def describe(self) -> dict[str, tuple[str, list[str | int]]]:
        """Type and shape of every input and output, by name; a name in a shape is a free axis."""
        tensors = [*self._session.get_inputs(), *self._session.get_outputs()]
        return {t.name: (t.type, list(t.shape)) for t in tensors}

    def run(self, images: Images) -> Probabilities:
        """Probabilities of the classes for each image. Releases the GIL while it computes."""
        (probabilities,) = self._session.run(self._outputs, {self._input: images})
        return probabilities  # type: ignore[no-any-return]  # onnxruntime is untyped
