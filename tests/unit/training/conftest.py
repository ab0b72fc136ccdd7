"""What the tests of training share: small data, and one untrained network with its exported graph."""

import numpy as np
import pytest
from digitserve_training.data import LabelledImages
from digitserve_training.golden import golden_images


@pytest.fixture(scope="session")
def drawn() -> LabelledImages:
    """400 drawn digits, each shifted by up to 2 px: enough to learn from, small enough to wait for."""
    random = np.random.default_rng(0)
    labels = np.arange(400, dtype=np.uint8) % 10
    shifts = random.integers(-2, 3, (len(labels), 2))
    golden = golden_images()
    images = np.stack(
        [np.roll(golden[label], shift, (0, 1)) for label, shift in zip(labels, shifts, strict=True)]
    )
    return LabelledImages(images, labels)
