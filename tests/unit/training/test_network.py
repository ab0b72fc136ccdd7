import numpy as np
from digitserve_training import network


def test_the_cnn_has_the_parameters_it_is_known_for() -> None:
    assert network.build("cnn").count_params() == 225_034


def test_pixels_become_floats_from_0_to_1_once() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 3, 4] = 255
    scaled = network.as_input(images).numpy()
    assert scaled.shape == (2, 28, 28, 1)
    assert scaled.dtype == np.float32
    assert (scaled[1, 3, 4, 0], scaled.sum()) == (1, 1)


def test_it_ends_in_logits() -> None:
    answers = network.logits(network.build("cnn"), np.zeros((3, 28, 28), np.uint8))
    assert answers.shape == (3, 10)
    assert not np.allclose(answers.sum(axis=1), 1)
