"""A moment of a fit in one file, from which the fit goes on as if it had not stopped."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from digitserve_training import durable
from digitserve_training.history import Epoch
from digitserve_training.learner import Arrays

HISTORY = "history"


def save(file: Path, state: Arrays, history: Sequence[Epoch]) -> None:
    """Writes the state after the epochs of the history; the file is never there in part."""
    told = np.array(json.dumps([asdict(epoch) for epoch in history]))
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **{HISTORY: told}, **state)
    durable.write(file, stream.getvalue())


def load(file: Path) -> tuple[Arrays, list[Epoch]]:
    """Reads what `save` has written. Raises ValueError if it is something else."""
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with file.open("rb") as stream:
            arrays = dict(np.load(stream, allow_pickle=False))
        told = json.loads(str(arrays.pop(HISTORY)))
        return arrays, [Epoch(**epoch) for epoch in told]
    except (KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(file.name) from error
