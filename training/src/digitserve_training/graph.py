"""An exported graph, as a server runs it."""

import numpy as np
import numpy.typing as npt
import onnxruntime

from digitserve_training.data import Images

INPUT = "images"
OUTPUT = "probabilities"
BATCH = "batch"
OPSET = 18

Probabilities = npt.NDArray[np.float32]


class Graph:
    """Runs the bytes of an ONNX model on one thread, or on so many; 0 is one for each core."""

    def __init__(self, serialized: bytes, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.serialized = serialized
        self.session = onnxruntime.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])

    @property
    def classes(self) -> int:
        """How many there are."""
        [probabilities] = self.session.get_outputs()
        return int(probabilities.shape[1])

    def probabilities(self, images: Images, batch_size: int = 256) -> Probabilities:
        """The answers to uint8 (N, 28, 28), float32 (N, classes), in batches of the given size."""
        starts = range(0, len(images), batch_size)
        return np.concatenate(
            [self.session.run([OUTPUT], {INPUT: images[at : at + batch_size]})[0] for at in starts]
        )
