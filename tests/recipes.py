"""Configurations for tests: a preset with values set as `--set` sets them."""

from digitserve_training.config import Config, Source, recipe

TINY = "layers=[{kind='conv', filters=4, kernel_size=3, strides=2, batch_norm=true}, {kind='flatten'}]"
"""A network that fits in no time, with the state that batch normalisation keeps."""

FORGETFUL = (
    "layers=[{kind='conv', filters=4, kernel_size=3, strides=2, batch_norm=true}, "
    "{kind='dropout', rate=0.2}, {kind='flatten'}]"
)
"""The same with dropout, which keeps a random state besides."""


def configured(*assignments: str, preset: str = "cnn") -> Config:
    """The preset with these assignments, as in `configured("epochs=1", TINY)`."""
    return recipe(preset, overrides=[Source.of_flag(each, f"--set {each}") for each in assignments]).config
