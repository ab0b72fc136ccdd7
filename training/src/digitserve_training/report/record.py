"""The figures of a report, in the manifest and on the card of the model that it is about."""

from typing import Any

from digitserve_training import durable
from digitserve_training.errors import ModelError
from digitserve_training.manifest import Manifest, encoded, validate
from digitserve_training.model_card import model_card
from digitserve_training.report.measures import Measures
from digitserve_training.report.metrics import Metrics
from digitserve_training.report.model import Model
from digitserve_training.report.stranger_measures import StrangersMeasures


def record(model: Model, metrics: Metrics) -> None:
    """Writes manifest.json and MODEL_CARD.md of a version again, with the figures. Raises ModelError."""
    told = recorded(model.manifest, metrics)
    try:
        durable.write(model.folder / "manifest.json", encoded(told))
        durable.write(model.folder / "MODEL_CARD.md", model_card(told).encode())
    except OSError as error:
        raise ModelError(model.folder, error.strerror or str(error), "a folder to write to") from error


def recorded(manifest: Manifest, metrics: Metrics) -> Manifest:
    """The manifest with the figures: the test set is known by its hash, all others are other data.

    What was recorded of sets of other names stays.
    """
    told = dict(manifest["metrics"])
    measured = {measures.name for measures in metrics.sets}
    others = [other for other in told.pop("others", ()) if other["name"] not in measured]
    for measures in metrics.sets:
        if measures.data_sha256 == told["test"]["data_sha256"]:
            told["test"] = (
                told["test"] | {"calibration_error": measures.calibration_error} | _reviewed(measures)
            )
        else:
            others.append(_other(measures))
    if others:
        told["others"] = others
    if metrics.strangers:
        told["not_digits"] = _not_digits(metrics.strangers)
    complete = manifest | {"metrics": told}
    validate(complete)
    return complete


def _other(measures: Measures) -> dict[str, Any]:
    other = {"name": measures.name, "images": measures.images, "accuracy": measures.accuracy.share}
    prepared = {"prepared_by": measures.prepared_by} if measures.prepared_by else {}
    return other | _reviewed(measures) | {"data_sha256": measures.data_sha256} | prepared


def _reviewed(measures: Measures) -> dict[str, float]:
    return {"coverage": measures.review.coverage.share, "error_rate": measures.review.error.share}


def _not_digits(strangers: StrangersMeasures) -> list[dict[str, Any]]:
    return [
        {"kind": one.kind, "images": one.images, "flagged": one.flagged.share, "roc_area": one.roc_area}
        for one in strangers.kinds
    ]
