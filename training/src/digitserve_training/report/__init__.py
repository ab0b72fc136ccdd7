"""The report on a model version: figures, pictures, and one page that joins them.

Nothing heavy is imported until a report is made; TensorFlow never is.
"""

from collections.abc import Mapping
from pathlib import Path

from digitserve_training.data import Dataset

__all__ = ["write_report"]


def write_report(
    folder: Path, version: Path, datasets: Mapping[str, Dataset], history: Path | None = None
) -> Path:
    """Measures a model version, given by its folder, on the test parts of data sets, given by name.

    `history` is a run's history.csv, for the training curves. Writes metrics.json, pictures/ and report.html
    to the folder; returns the path of the last. Raises DataError if a data set has labels that the model
    has not, ModelError, ReportError.
    """
    from digitserve_training.report import report  # noqa: PLC0415
    from digitserve_training.report.model import read_model  # noqa: PLC0415
    from digitserve_training.report.samples import of_dataset  # noqa: PLC0415

    model = read_model(version)
    samples = [of_dataset(name, dataset, model.labels) for name, dataset in datasets.items()]
    report.write(folder, model, samples, history)
    return folder / report.PAGE
