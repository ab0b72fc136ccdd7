"""The kinds of layers that a network is put together from, as a configuration writes them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=65_536)]
Activation = Literal["relu", "none"]
Padding = Literal["same", "valid"]


class _Layer(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all kinds share: `kind` says which one it is, and an unknown key is an error."""


class Conv(_Layer, frozen=True, tag="conv"):
    """A convolution; with `batch_norm` it is normalised before the activation, and has no bias of its own."""

    filters: Count
    kernel_size: Count
    strides: Count = 1
    padding: Padding = "same"
    activation: Activation = "relu"
    batch_norm: bool = False


class DepthwiseConv(_Layer, frozen=True, tag="depthwise_conv"):
    """A convolution of each channel by itself; otherwise as `Conv`."""

    kernel_size: Count
    strides: Count = 1
    padding: Padding = "same"
    activation: Activation = "relu"
    batch_norm: bool = False


class Residual(_Layer, frozen=True, tag="residual"):
    """Layers whose output, of the same shape, is added to their input; the activation follows the sum."""

    layers: "Annotated[tuple[Layer, ...], Meta(min_length=1)]"
    activation: Activation = "relu"


class MaxPool(_Layer, frozen=True, tag="max_pool"):
    """The largest of each window; the windows do not overlap, unless `strides` says so."""

    pool_size: Count = 2
    strides: Count | None = None
    padding: Padding = "valid"


class AveragePool(_Layer, frozen=True, tag="average_pool"):
    """The mean of each window; otherwise as `MaxPool`."""

    pool_size: Count = 2
    strides: Count | None = None
    padding: Padding = "valid"


class GlobalAveragePool(_Layer, frozen=True, tag="global_average_pool"):
    """The mean of each channel: what is left is flat."""


class Flatten(_Layer, frozen=True, tag="flatten"):
    """All values in a row."""


class Dense(_Layer, frozen=True, tag="dense"):
    """A fully connected layer; with `batch_norm` as in `Conv`."""

    units: Count
    activation: Activation = "relu"
    batch_norm: bool = False


class Dropout(_Layer, frozen=True, tag="dropout"):
    """Leaves out this share of the values while fitting."""

    rate: Annotated[float, Meta(ge=0, lt=1)]


class MomentNormalization(_Layer, frozen=True, tag="moment_normalization"):
    """Brings the image upright and to one size by the moments of its ink; the first layer."""


Layer = (
    Conv
    | DepthwiseConv
    | Residual
    | MaxPool
    | AveragePool
    | GlobalAveragePool
    | Flatten
    | Dense
    | Dropout
    | MomentNormalization
)
