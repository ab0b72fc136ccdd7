"""The images a model learns from and is judged by."""

from digitserve_training.data.dataset import (
    DIGIT_LABELS,
    MNIST_TEST_SHA256,
    SIDE_PX,
    Dataset,
    Images,
    LabelledImages,
    Labels,
)
from digitserve_training.data.source import load

__all__ = [
    "DIGIT_LABELS",
    "MNIST_TEST_SHA256",
    "SIDE_PX",
    "Dataset",
    "Images",
    "LabelledImages",
    "Labels",
    "load",
]
