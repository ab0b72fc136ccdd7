"""The network as an ONNX graph: pixels in, calibrated probabilities out."""

import logging

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from digitserve_training.data import SIDE_PX
from digitserve_training.graph import BATCH, INPUT, OPSET, OUTPUT
from digitserve_training.network import as_input


def export(model: keras.Model, temperature: float, classes: int) -> bytes:
    """The graph from `images` uint8 [batch, 28, 28] to `probabilities` float32 [batch, classes], serialized.

    Cast, scale, temperature and softmax are inside: who serves it need not know them. So is what
    `calibration.folded` does with a logit for none of the classes.
    """

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        shares = tf.nn.softmax(model(as_input(images), training=False) / temperature)
        none = shares.shape[1] - classes
        if none:  # one product costs half of what slices and sums do
            shares @= np.vstack([np.eye(classes), np.full((none, classes), 1 / classes)]).astype(np.float32)
        return {OUTPUT: shares}

    signature = [tf.TensorSpec((None, SIDE_PX, SIDE_PX), tf.uint8, name=INPUT)]
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    # Not `from_keras`, which fails on a Sequential (tensorflow-onnx#2448).
    graph, _ = tf2onnx.convert.from_function(
        tf.function(answer, input_signature=signature), input_signature=signature, opset=OPSET
    )
    return _with_named_batch(graph).SerializeToString(deterministic=True)


def _with_named_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Calls the batch axis `batch`, where the converter says `unk__12`."""
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    return model
