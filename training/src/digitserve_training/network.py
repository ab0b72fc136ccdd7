"""The networks: from pixels to the logits of the classes."""

from collections.abc import Sequence
from functools import singledispatch

import keras
import numpy as np
import tensorflow as tf

from digitserve_training import moments
from digitserve_training.config.config import Config
from digitserve_training.config.layers import (
    AveragePool,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool,
    MomentNormalization,
    Residual,
)
from digitserve_training.data import SIDE_PX, Images
from digitserve_training.errors import NetworkError


def build(config: Config, classes: int, margin_px: int = 0) -> keras.Model:
    """A network with fresh weights: float32 (N, 28, 28, 1) as `as_input` gives them, to logits (N, classes).

    With outliers there is one logit more, for what is none of the classes. It ends in logits, because
    calibration divides them before the softmax, which the export adds. Its layers see a margin of paper
    around the image, of so many pixels. Raises NetworkError.
    """
    return _model(config.layers, config.logits(classes), "float32", margin_px)


def build_for_fit(config: Config, classes: int) -> keras.Model:
    """The same network, with the same weights after `set_weights`, computing in the fit's precision."""
    return _model(config.layers, config.logits(classes), config.precision)


def as_input(images: Images | tf.Tensor) -> tf.Tensor:
    """Pixels uint8 (N, 28, 28) as the network takes them, float32 (N, 28, 28, 1) from 0 to 1.

    Fitting and the exported graph both call this: the scaling exists once.
    """
    return tf.expand_dims(tf.cast(images, tf.float32) / 255, -1)


def logits(model: keras.Model, images: Images) -> np.ndarray:
    """The network's answers to uint8 (N, 28, 28), float32 (N, logits)."""
    parts = [images[start : start + 500] for start in range(0, len(images), 500)]
    return np.concatenate([model(as_input(part), training=False).numpy() for part in parts])


def _model(layers: Sequence[Layer], outputs: int, precision: str, margin_px: int = 0) -> keras.Model:
    pixels = keras.Input((SIDE_PX, SIDE_PX, 1))
    framed = keras.layers.ZeroPadding2D(margin_px)(pixels) if margin_px else pixels
    features = _stacked(layers, framed, precision, "")
    if len(features.shape) != 2:
        last = f"layer {len(layers)} ({_kind(layers[-1])})" if layers else "layers"
        raise NetworkError(last, f"it leaves {_shape(features)}", "flatten or global_average_pool at the end")
    # In float32 whatever the rest is in: a softmax is not for 8 bits of precision.
    return keras.Model(pixels, keras.layers.Dense(outputs, dtype="float32")(features))


def _stacked(
    layers: Sequence[Layer], values: keras.KerasTensor, precision: str, within: str
) -> keras.KerasTensor:
    """The values after the layers, one after another; `within` names the residual layer that they are in."""
    for number, layer in enumerate(layers, 1):
        name = f"{within}layer {number}"
        values = _checked(layer, values, precision, name)
    return values


def _checked(layer: Layer, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    try:
        return _after(layer, values, precision, name)
    except ValueError as error:  # as Keras refuses shapes
        found = f"its input is {_shape(values)}"
        raise NetworkError(f"{name} ({_kind(layer)})", found, _wanted(layer, values)) from error


def _wanted(layer: Layer, values: keras.KerasTensor) -> str:
    if isinstance(layer, Dense):
        return "flatten or global_average_pool before it"
    return "a larger input" if len(values.shape) == 4 else "a place before flatten or global_average_pool"


@singledispatch
def _after(layer: Layer, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    """The values after one layer."""
    raise NotImplementedError(name)


@_after.register
def _(layer: Conv, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    linear = keras.layers.Conv2D(
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        use_bias=not layer.batch_norm,
        kernel_initializer=_initializer(layer),
        dtype=precision,
    )
    return _activated(layer, linear(values), precision)


@_after.register
def _(layer: DepthwiseConv, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    linear = keras.layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        use_bias=not layer.batch_norm,
        depthwise_initializer=_initializer(layer),
        dtype=precision,
    )
    return _activated(layer, linear(values), precision)


@_after.register
def _(layer: Dense, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    if len(values.shape) != 2:  # where Keras would work on the last axis only
        raise ValueError(name)
    linear = keras.layers.Dense(layer.units, use_bias=not layer.batch_norm, dtype=precision)
    return _activated(layer, linear(values), precision)


@_after.register
def _(layer: Residual, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    change = _stacked(layer.layers, values, precision, f"{name}, ")
    if change.shape != values.shape:
        found = f"its layers make {_shape(change)} of {_shape(values)}"
        raise NetworkError(f"{name} (residual)", found, "the same shape, to add them")
    total = keras.layers.Add(dtype=precision)([values, change])
    return _rectified(layer.activation, total, precision)


@_after.register
def _(layer: MaxPool, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    pool = keras.layers.MaxPooling2D(layer.pool_size, layer.strides, layer.padding, dtype=precision)
    return pool(values)


@_after.register
def _(layer: AveragePool, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    pool = keras.layers.AveragePooling2D(layer.pool_size, layer.strides, layer.padding, dtype=precision)
    return pool(values)


@_after.register
def _(layer: GlobalAveragePool, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    return keras.layers.GlobalAveragePooling2D(dtype=precision)(values)


@_after.register
def _(layer: Flatten, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    return keras.layers.Flatten(dtype=precision)(values)


@_after.register
def _(layer: Dropout, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    return keras.layers.Dropout(layer.rate, dtype=precision)(values)


@_after.register
def _(layer: MomentNormalization, values: keras.KerasTensor, precision: str, name: str) -> keras.KerasTensor:
    if name != "layer 1":  # what others leave is no ink
        raise NetworkError(
            f"{name} ({_kind(layer)})", f"its input is {_shape(values)}", "a place before all others"
        )
    return moments.MomentNormalization(dtype="float32")(values)  # bfloat16 cannot tell places apart


def _activated(
    layer: Conv | DepthwiseConv | Dense, values: keras.KerasTensor, precision: str
) -> keras.KerasTensor:
    """After the linear part: normalisation, if any, then the activation, if any."""
    if layer.batch_norm:
        values = keras.layers.BatchNormalization(dtype=precision)(values)
    return _rectified(layer.activation, values, precision)


def _rectified(activation: str, values: keras.KerasTensor, precision: str) -> keras.KerasTensor:
    return values if activation == "none" else keras.layers.Activation(activation, dtype=precision)(values)


def _initializer(layer: Conv | DepthwiseConv) -> str:
    """He's where the scale is normalised anyway, otherwise Keras' usual one, by Glorot."""
    return "he_normal" if layer.batch_norm else "glorot_uniform"


def _kind(layer: Layer) -> str:
    return str(layer.__struct_config__.tag)


def _shape(values: keras.KerasTensor) -> str:
    return f"({', '.join(str(size) for size in values.shape[1:])})"
