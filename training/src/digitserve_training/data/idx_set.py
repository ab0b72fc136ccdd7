"""Data sets of four IDX files, under the names MNIST and EMNIST were published with."""

import re
from dataclasses import dataclass
from pathlib import Path

from digitserve_training.data import emnist
from digitserve_training.data.dataset import Dataset
from digitserve_training.data.idx import read_idx
from digitserve_training.data.part import Part, checked_dataset
from digitserve_training.errors import DataError

NAME = re.compile(
    r"(?:emnist-(?P<split>[a-z]+)-)?(?:(?:train|t10k|test)-(?:images|labels)[-.]idx[13]-ubyte(?:\.gz)?)"
    r"|emnist-(?P<mapped>[a-z]+)-mapping\.txt"
)


@dataclass(frozen=True)
class IdxSet:
    """The files of one data set in a folder; `split` is EMNIST's, "" for MNIST's own names."""

    folder: Path
    split: str

    @property
    def name(self) -> str:
        """What the data set is called."""
        return f"emnist-{self.split}" if self.split else self.folder.resolve().name

    def load(self) -> Dataset:
        """Reads the files. MNIST's name no classes: they are called by their indices. Raises DataError."""
        labels, first = emnist.published_labels(self.folder, self.split) if self.split else (None, 0)
        train, test = (self._part(part, first) for part in ("train", "test" if self.split else "t10k"))
        return checked_dataset(f"{self.name}, IDX files", train, test, labels)

    def _part(self, part: str, first: int) -> Part:
        images_file, labels_file = self._file(part, "images-idx3"), self._file(part, "labels-idx1")
        images = read_idx(images_file, 3)
        return Part(
            images=emnist.upright(images) if self.split else images,
            images_name=str(images_file),
            labels=read_idx(labels_file, 1),
            labels_name=str(labels_file),
            first=first,
        )

    def _file(self, part: str, content: str) -> Path:
        """The file in any of its spellings."""
        name = f"emnist-{self.split}-" * bool(self.split) + f"{part}-{content}-ubyte"
        stems = (name, name.replace("-idx", ".idx"))
        for file in (self.folder / (stem + packed) for stem in stems for packed in ("", ".gz")):
            if file.exists():
                return file
        raise DataError(
            str(self.folder), f"{name} is missing", "images and labels to train on and to test with"
        )


def idx_set(file: Path) -> IdxSet | None:
    """The data set that a file belongs to, told by its name; None for other files."""
    match = NAME.fullmatch(file.name)
    return match and IdxSet(file.parent, match["split"] or match["mapped"] or "")
