"""Images as soft as those that a network has learned from: a warp blurs what it resamples.

What it classifies later nobody has warped. So the finished network blurs it a little, by its first kernel,
which costs hardly any time. That training and use should look alike: Touvron, Vedaldi, Douze, Jégou: Fixing
the train-test resolution discrepancy. NeurIPS 2019.
"""

import keras
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from digitserve_training import network
from digitserve_training.config.config import Config
from digitserve_training.config.layers import Conv
from digitserve_training.errors import NetworkError


def softened(model: keras.Model, config: Config, classes: int) -> keras.Model:
    """The network with a Gaussian of `soften_px` folded into its first kernel, or itself if that is 0.

    Raises NetworkError where the first layer cannot take it.
    """
    if not config.soften_px:
        return model
    first, *others = config.layers
    if not isinstance(first, Conv) or first.kernel_size < first.strides:
        wanted = "soften_px to be 0, or a conv whose strides are not above its kernel_size"
        raise NetworkError("layer 1", f"it is {first}", wanted)
    wider = replace(first, kernel_size=first.kernel_size + 2)
    # Without padding, the larger kernel would leave less of the image.
    margin_px = 1 if first.padding == "valid" else 0
    blurring = network.build(replace(config, layers=(wider, *others)), classes, margin_px)
    kernel, *weights = model.get_weights()
    blurring.set_weights([_blurred(kernel, config.soften_px), *weights])
    return blurring


def _blurred(kernel: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    """A blur by 3x3, then the kernel (k, k, channels, filters), in one that is 2 px larger."""
    gaussian = np.exp(-0.5 * (np.arange(-1, 2) / sigma_px) ** 2)
    gaussian /= gaussian.sum()
    shifted = [
        gaussian[y] * gaussian[x] * np.pad(kernel, [(y, 2 - y), (x, 2 - x), (0, 0), (0, 0)])
        for y in range(3)
        for x in range(3)
    ]
    return np.asarray(np.sum(shifted, axis=0), np.float32)
