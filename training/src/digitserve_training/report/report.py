"""A report, from a model and test sets to a folder that people and programs can read."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from digitserve_training.errors import ReportError
from digitserve_training.history import Epoch
from digitserve_training.report import confusion, curves, gallery, stranger_charts
from digitserve_training.report.confusion import Pair
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
        metrics=metrics(model, measured, strange.measures if strange else None, samples[0].truth.images),
        accuracies=_accuracies(measured),
        training=_training(past) if past else None,
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
    return chart(
        "accuracies",
        partial(curves.accuracies, measured),
        title="Accuracy on each test set",
        says="; ".join(f"{one.name} {one.accuracy.share:.2%}" for one in measured),
    )


def _training(past: Sequence[Epoch]) -> Chart:
    return chart(
        "training",
        partial(curves.training, past),
        title="Training",
        says=f"Losses and validation error over {len(past)} epochs",
        note="The fit sees distorted images, and whatever else regularises it: the training loss may well be "
        "the higher one.",
    )


def _section(given: Answers, model: Model) -> Section:
    measures, place = measure(given, model), _slug(given.samples.name)
    confused = confusion.pairs(measures)
    return Section(
        place=place,
        answers=given,
        measures=measures,
        charts=[
            _matrix(place, measures),
            *([_pairs(place, confused, measures)] if confused else []),
            _reliability(place, given, measures),
            _risk_coverage(place, given, measures),
        ],
        pairs=[(pair, gallery.examples(given, model, pair)) for pair in confused],
        mistakes=gallery.mistakes(given, model),
    )


def _matrix(place: str, measures: Measures) -> Chart:
    numbered = "and numbers count mistakes. On the diagonal: the share read rightly, in percent."
    coloured = "counts mistakes."
    return chart(
        f"{place}-confusion",
        partial(confusion.matrix, measures),
        title="Which is read as which",
        says=f"Confusion matrix; {measures.accuracy.of - measures.accuracy.count} mistakes",
        note="Rows are what it is, columns what it was read as; colour "
        + (numbered if len(measures.classes) <= confusion.MOST_NUMBERED else coloured),
    )


def _pairs(place: str, confused: Sequence[Pair], measures: Measures) -> Chart:
    labels = [one.label for one in measures.classes]
    return chart(
        f"{place}-pairs",
        partial(confusion.bars, confused, measures),
        title="Taken for each other",
        says=", ".join(f"{labels[pair.one]} and {labels[pair.other]} {pair.times}" for pair in confused),
        note="The pairs that are confused most often.",
    )


def _reliability(place: str, given: Answers, measures: Measures) -> Chart:
    return chart(
        f"{place}-reliability",
        partial(curves.reliability, given),
        title="How often confidence is right",
        says=f"Reliability diagram; expected calibration error {measures.calibration_error:.2%}",
        note="Points on the dashed line: of the answers given with a confidence, as many are right. Below: "
        "how many answers there are of each, on a logarithmic scale.",
    )


def _risk_coverage(place: str, given: Answers, measures: Measures) -> Chart:
    answered, wrong = measures.review.coverage, measures.review.error
    return chart(
        f"{place}-risk-coverage",
        partial(curves.risk_coverage, given, measures),
        title="What the review threshold buys",
        says=f"Risk-coverage curve; {answered.share:.2%} answered, {wrong.share:.3%} of it wrongly",
        note="Read from right to left: the more answers are left to a person, the least confident first, the "
        "fewer of the others are wrong.",
    )


def _strange(digits: Answers, model: Model) -> Strange:
    given = ask(model, digits)
    return Strange(
        measures=measure_strangers(given),
        charts=[
            chart(
                "strangers-roc",
                partial(stranger_charts.roc, given),
                title="What flagging finds, and what it costs",
                says="ROC curves of the confidence, digits against what is none",
            ),
            chart(
                "strangers-confidence",
                partial(stranger_charts.confidences, given),
                title="How sure it is of either",
                says="Histograms of the confidence, of digits and of what is none",
            ),
        ],
        believed=gallery.believed(given, model),
        passed=int((given.scores >= given.threshold).sum()),
    )


def _write(folder: Path, made: Page) -> None:
    pictures = folder / "pictures"
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        for name, picture in (*((one.name, one.light) for one in made.charts()), *made.mosaics()):
            (pictures / f"{name}.png").write_bytes(picture)
        (folder / "metrics.json").write_bytes(made.metrics.as_json())
        (folder / PAGE).write_text(page(made), encoding="utf-8")
    except OSError as error:
        raise ReportError(
            str(folder), error.strerror or str(error), "a folder to write the report to"
        ) from error
