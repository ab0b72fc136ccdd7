"""A fit's figures for TensorBoard."""

from dataclasses import asdict
from pathlib import Path

import tensorflow as tf

from digitserve_training.history import Epoch


class Board:
    """Writes event files into a folder."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def epoch(self, epoch: Epoch) -> None:
        """Adds a point to each curve, and makes it visible at once."""
        with self._writer.as_default(step=epoch.epoch):
            for name, value in asdict(epoch).items():
                if name != "epoch":
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def close(self) -> None:
        """Ends the event file."""
        self._writer.close()
