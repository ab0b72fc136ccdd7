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

    def __init__(self, onnx: bytes) -> None:
        """Raises onnxruntime's own errors when the bytes are not a graph it can run."""
        options = ort.SessionOptions()
        # Each run on the thread that asks for it, several at a time: measured on two cores, two threads
        # that run a batch each get a quarter more done than one batch at a time on two threads.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name

    def describe(self) -> dict[str, tuple[str, list[str | int]]]:
        """Type and shape of every input and output, by name; a name in a shape is a free axis."""
        tensors = [*self._session.get_inputs(), *self._session.get_outputs()]
        return {t.name: (t.type, list(t.shape)) for t in tensors}

    def run(self, images: Images) -> Probabilities:
        """Probabilities of the classes for each image. Safe for threads; computes outside the GIL."""
        (probabilities,) = self._session.run(self._outputs, {self._input: images})
        return probabilities  # type: ignore[no-any-return]  # onnxruntime is untyped
