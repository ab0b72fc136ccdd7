"""The most recent rows, in the bins that drift is computed from."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from digitserve_serving.manifest import Distribution

ROWS = 10_000  # 30 kB

Values = npt.NDArray[np.floating]


class Window:
    """The bins in which the last `rows` rows fell: bounded, however many come."""

    def __init__(self, reference: Distribution, rows: int = ROWS) -> None:
        self._reference = reference
        self._edges = {
            "confidence": np.array(reference.confidence.edges),
            "ink_density": np.array(reference.ink_density.edges),
        }
        self._bins = np.zeros((3, rows), np.uint8)  # predictions, confidence, ink density
        self._seen = 0

    def add(self, predictions: npt.NDArray[np.intp], confidence: Values, ink_density: Values) -> None:
        """Rows that were answered: each array (N,)."""
        rows = self._bins.shape[1]
        found = (
            predictions[-rows:],
            np.searchsorted(self._edges["confidence"], confidence[-rows:]),
            np.searchsorted(self._edges["ink_density"], ink_density[-rows:]),
        )
        start = self._seen % rows
        room = rows - start
        for kept, bins in zip(self._bins, found, strict=True):
            kept[start : start + len(bins)] = bins[:room]
            kept[: len(bins[room:])] = bins[room:]
        self._seen += len(found[0])

    def histograms(self) -> Iterator[tuple[str, list[float]]]:
        """By feature, the counts of the window and then those at training time."""
        kept = self._bins[:, : self._seen]
        for (feature, shares), bins in zip(self._reference.shares().items(), kept, strict=True):
            recent = np.bincount(bins, minlength=len(shares)).tolist()
            yield feature, [*recent, *(share * self._reference.images for share in shares)]
