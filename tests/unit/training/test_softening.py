import cv2
import numpy as np
import pytest
from digitserve_training import network
from digitserve_training.data import LabelledImages
from digitserve_training.errors import NetworkError
from digitserve_training.softening import softened
from recipes import TINY, configured


@pytest.mark.parametrize("preset", ["cnn", "champion"])
def test_it_sees_images_as_the_network_sees_blurred_ones(drawn: LabelledImages, preset: str) -> None:
    config = configured("soften_px=0.5", preset=preset)
    model = network.build(config, 10)
    images = np.pad(drawn.images[:20, 4:24, 4:24], [(0, 0), (4, 4), (4, 4)])
    blurred = np.stack([cv2.GaussianBlur(image, (3, 3), 0.5) for image in images])
    expected = network.logits(model, blurred)
    apart = [
        np.abs(network.logits(each, images) - expected).mean()
        for each in (softened(model, config, 10), model)
    ]
    assert apart[0] < 0.1 * apart[1]


def test_a_network_that_softens_nothing_is_the_same_one() -> None:
    config = configured(TINY, "soften_px=0")
    model = network.build(config, 10)
    assert softened(model, config, 10) is model


@pytest.mark.parametrize(
    "first",
    [
        '{kind="conv",filters=2,kernel_size=1,strides=2}',
        '{kind="max_pool"}',
    ],
)
def test_a_first_layer_that_cannot_blur_is_refused(first: str) -> None:
    config = configured("soften_px=0.5", f'layers=[{first},{{kind="flatten"}}]')
    with pytest.raises(NetworkError, match=r"layer 1.*soften_px to be 0, or a conv whose strides"):
        softened(network.build(config, 10), config, 10)
