"""Where data comes from: what a path or a name stands for."""

from collections.abc import Callable
from pathlib import Path

from digitserve_training.data.dataset import Dataset
from digitserve_training.data.emnist import load_emnist_mat
from digitserve_training.data.idx_set import idx_set
from digitserve_training.data.keras_set import KERAS_SETS
from digitserve_training.data.mat import read_mat
from digitserve_training.data.npz import load_npz
from digitserve_training.data.pictures import load_pictures
from digitserve_training.data.svhn import NAME as SVHN_NAME
from digitserve_training.data.svhn import load_svhn
from digitserve_training.errors import DataError

KNOWN = (
    f"{' or '.join(KERAS_SETS)}, which Keras downloads; an .npz file like Keras' mnist.npz; a folder, or one "
    "file, of MNIST's or EMNIST's IDX files (.gz or not); EMNIST's .mat files; SVHN's train_32x32.mat and "
    "test_32x32.mat; or a folder of pictures, <label>/*.png or train/<label>/*.png and test/<label>/*.png"
)

Loader = Callable[[], Dataset]


def load(source: str | Path | None) -> Dataset:
    """Reads the data that the source stands for; what it is, is told by what is found there.

    None is MNIST as Keras downloads and keeps it, "mnist" too, unless a file or folder has that name;
    "fashion-mnist" likewise. A file is read together with those that belong to it. A folder holds the files
    of one data set, or pictures. Raises DataMissing if a download fails, DataError if what is there is not
    what is wanted.
    """
    if source is None:
        return KERAS_SETS["mnist"].load()
    path = Path(source)
    if str(source) in KERAS_SETS and not path.exists():
        return KERAS_SETS[str(source)].load()
    try:
        return _in_folder(path) if path.is_dir() else _in_file(path)
    except OSError as error:
        raise DataError(str(error.filename or path), error.strerror or str(error), KNOWN) from error


def _in_file(file: Path) -> Dataset:
    loader = _loader(file)
    if loader is None or not file.exists():
        found = "a file of another kind" if file.exists() else "no such file or folder"
        raise DataError(str(file), found, KNOWN)
    return loader()


def _in_folder(folder: Path) -> Dataset:
    entries = sorted(folder.iterdir())
    found = {_set_name(entry): loader for entry in entries if entry.is_file() and (loader := _loader(entry))}
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise DataError(str(folder), f"several data sets: {names}", "the path of one, or of one of its files")
    if not found and not any(entry.is_dir() for entry in entries):
        raise DataError(str(folder), "no data of a known kind in it", KNOWN)
    return next(iter(found.values()))() if found else load_pictures(folder)


def _set_name(file: Path) -> str:
    idx = idx_set(file)
    return idx.name if idx else "SVHN" if SVHN_NAME.fullmatch(file.name) else file.name


def _loader(file: Path) -> Loader | None:
    """What reads a file, and those that belong to it; told by its name."""
    if idx := idx_set(file):
        return idx.load
    if SVHN_NAME.fullmatch(file.name):
        return lambda: load_svhn(file.parent)
    if file.suffix == ".mat":
        return lambda: _load_mat(file)
    return (lambda: load_npz(file)) if file.suffix == ".npz" else None


def _load_mat(file: Path) -> Dataset:
    dataset = read_mat(file, ("dataset",)).get("dataset")
    if not isinstance(dataset, dict):
        raise DataError(
            str(file), "no struct dataset", "EMNIST's .mat files, or SVHN's under their own names"
        )
    return load_emnist_mat(file, dataset)
