"""Configurations: what they may say, and how they are put together from presets, files and flags."""

from digitserve_training.config.config import Config
from digitserve_training.config.presets import DEFAULT, names
from digitserve_training.config.resolution import Recipe, recipe
from digitserve_training.config.source import Source

__all__ = ["DEFAULT", "Config", "Recipe", "Source", "names", "recipe"]
