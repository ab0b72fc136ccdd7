"""A report, from a model and test sets to a folder that people and programs can read."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from digitserve_training.errors import ReportError
from digitserve_training.report import confusion, curves, gallery, stranger_charts
from digitserve_training.report.measures import Answers, Measures, answers, measure
from digitserve_training.report.metrics import Metrics, metrics
from digitserve_training.report.model import Model
from digitserve_training.report.page import Page, Section, Strange, page
from digitserve_training.report.past import read_history
from digitserve_training.report.samples import Samples
from digitserve_training.report.stranger_measures import ask, measure_strangers
from digitserve_training.report.theme import Chart, chart

PAGE = "report.html"


def write(folder: Path, model: Model, samples: Sequence[Samples], history: Path | None = None) -> Metrics:
    """Writes metrics.json, pictures/ and report.html; returns what the first of them says.

    What is no digit is tried on models that read digits, beside the first of the test sets.
    Raises ReportError.
    """
    _check_names(samples)
    past = read_history(history) if history else ()
    sections = [_section(answers(model, one), model) for one in samples]
    strange = _strange(sections[0].answers, model) if model.reads_digits else None
    measured = [section.measures for section in sections]
    made = Page(
        model=model,
        metrics=metrics(model, measured, strange.measures if strange else None),
        accuracies=_accuracies(measured),
        training=chart("training", "Training", "Losses and errors by epoch", partial(curves.training, past))
        if past
        else None,
        sections=sections,
        strange=strange,
    )
    _write(folder, made)
    return made.metrics


def _check_names(samples: Sequence[Samples]) -> None:
    names = [_slug(one.name) for one in samples]
    if not names or len(set(names)) < len(names):
        found = f"test sets called {', '.join(names)}" if names else "no test set"
        raise ReportError("the report", found, "one or more, each with a name of its own: NAME=SOURCE")


def _slug(name: str) -> str:
    """For names of files, and of places in the page."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "set"


def _accuracies(measured: Sequence[Measures]) -> Chart:
    says = "; ".join(f"{one.name} {one.accuracy.share:.2%}" for one in measured)
    return chart("accuracies", "Accuracy on each test set", says, partial(curves.accuracies, measured))


def _section(given: Answers, model: Model) -> Section:
    measures, place = measure(given, model), _slug(given.samples.name)
    confused = confusion.pairs(measures)
    charts = [
        chart(
            f"{place}-confusion",
            "Which is read as which",
            f"Confusion matrix; {int((~given.right).sum())} mistakes",
            partial(confusion.matrix, measures),
        ),
        chart(
            f"{place}-reliability",
            "How often confidence is right",
            f"Reliability diagram; expected calibration error {measures.calibration_error:.2%}",
            partial(curves.reliability, given),
        ),
        chart(
            f"{place}-risk-coverage",
            "What the review threshold buys",
            f"Risk-coverage curve; {measures.review.coverage.share:.2%} answered, of which "
            f"{measures.review.error.share:.3%} wrongly",
            partial(curves.risk_coverage, given, measures),
        ),
    ]
    if confused:
        says = ", ".join(
            f"{model.labels[pair.one]} and {model.labels[pair.other]} {pair.times}" for pair in confused
        )
        charts.insert(
            1,
            chart(
                f"{place}-pairs", "Taken for each other", says, partial(confusion.bars, confused, measures)
            ),
        )
    return Section(
        place=place,
        answers=given,
        measures=measures,
        charts=charts,
        pairs=[(pair, gallery.examples(given, model, pair)) for pair in confused],
        mistakes=gallery.mistakes(given, model),
    )


def _strange(digits: Answers, model: Model) -> Strange:
    given = ask(model, digits)
    return Strange(
        measures=measure_strangers(given),
        charts=[
            chart(
                "strangers-roc",
                "Digits flagged, and what is none",
                "ROC curves",
                partial(stranger_charts.roc, given),
            ),
            chart(
                "strangers-confidence",
                "How sure it is of either",
                "Histograms of the confidence",
                partial(stranger_charts.confidences, given),
            ),
        ],
        believed=gallery.believed(given, model),
        passed=int((given.scores >= given.threshold).sum()),
    )


def _write(folder: Path, made: Page) -> None:
    pictures = folder / "pictures"
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        for one in (*made.charts(), *made.mosaics()):
            (pictures / f"{one.name}.png").write_bytes(one.light)
        (folder / "metrics.json").write_bytes(made.metrics.as_json())
        (folder / PAGE).write_text(page(made), encoding="utf-8")
    except OSError as error:
        raise ReportError(
            str(folder), error.strerror or str(error), "a folder to write the report to"
        ) from error
