"""What the tests of training share: small data, and one untrained network with its exported graph."""

import numpy as np
import pytest
from digitserve_training.stderr import held_back

with held_back():  # before anything else here loads TensorFlow
    import keras  # noqa: TID251  the network is one

from digitserve_training import network
from digitserve_training.data import LabelledImages
from digitserve_training.export import export
from digitserve_training.golden import golden_images
from digitserve_training.graph import Graph
from recipes import configured


@pytest.fixture(scope="session")
def drawn() -> LabelledImages:
    """400 drawn digits, each shifted by up to 2 px: enough to learn from, small enough to wait for."""
    random = np.random.default_rng(0)
    labels = (np.arange(400) % 10).astype(np.uint8)
    shifts = random.integers(-2, 3, (len(labels), 2))
    golden = golden_images()
    images = np.stack(
        [np.roll(golden[label], shift, (0, 1)) for label, shift in zip(labels, shifts, strict=True)]
    )
    return LabelledImages(images, labels)


@pytest.fixture(scope="session")
def model() -> keras.Model:
    """The network as it is before any fit: its answers are unsure, but its graph is the real one."""
    keras.utils.set_random_seed(7)
    return network.build(configured(), 10)


@pytest.fixture(scope="session")
def graph(model: keras.Model) -> Graph:
    """The network exported at temperature 1.5."""
    return Graph(export(model, 1.5, 10))
