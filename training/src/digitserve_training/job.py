"""The training job, from data to a model version that a server can load."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from msgspec.structs import replace

from digitserve_training import (
    calibration,
    distillation,
    drawn_digits,
    half_precision,
    looks,
    network,
    outliers,
    repository,
    trained,
    typeset,
)
from digitserve_training.batches import Addition, Material
from digitserve_training.config.config import Config
from digitserve_training.data import DIGIT_LABELS, Dataset, Images, load
from digitserve_training.distribution import Distribution, distribution
from digitserve_training.errors import AccuracyTooLow, DataError
from digitserve_training.evaluation import Metrics, ReviewedMetrics, evaluate, evaluate_reviewed
from digitserve_training.export import export
from digitserve_training.fit import fit
from digitserve_training.golden import golden_images
from digitserve_training.graph import Graph
from digitserve_training.learner import Learner
from digitserve_training.manifest import Outcome, compose, encoded
from digitserve_training.model_card import model_card
from digitserve_training.progress import Progress
from digitserve_training.report import write_report
from digitserve_training.review import Review, review
from digitserve_training.run import Run
from digitserve_training.settings import Settings
from digitserve_training.softening import softened
from digitserve_training.split import Split, split
from digitserve_training.verification import check_batches, check_rounding, verify

VERIFIED_IMAGES = 1_000
WHOSE = {
    "by writer": "by writers the network had not seen",
    "at random": "whose writers the network may have seen",
}


def train(settings: Settings, progress: Progress) -> Path:
    """Makes a model version and returns its folder; writes none unless all of it is as it should be.

    Raises a TrainingError.
    """
    home = settings.models / settings.name
    repository.check_writable(home)
    _prepare(settings)
    dataset = _load(settings, progress)
    repository.check_labels(home, dataset.labels)
    parts = _split(dataset, settings, progress)
    learner = _build(dataset, parts, settings, progress)
    run = _run(learner, settings, progress)
    with run.claimed(dataset.train.sha256()):
        model = fit(learner, _material(parts, learner, run, progress), parts.validation, run, progress)
    model = softened(model, learner.config, learner.classes)
    temperature = _calibrate(model, dataset, parts, progress)
    graph = _export(model, temperature, dataset, progress)
    _verify(graph, model, temperature, parts, progress)
    graph = _stored(graph, parts, learner.config, progress)
    graph = _looked_again(graph, parts, settings, progress)
    validation, threshold, usual = _review(graph, parts, progress)
    test = _evaluate(graph, dataset, threshold, progress)
    _check_accuracy(test, run, settings)
    outcome = Outcome(
        settings=settings,
        source=dataset.source,
        labels=dataset.labels,
        held_out=parts.held_out,
        fit_images=len(parts.fit),
        parameters=_parameters(learner.result),
        graph=graph,
        temperature=temperature,
        review=threshold,
        distribution=usual,
        validation=validation,
        test=test,
    )
    version = _write(home, outcome, run, progress)
    _report(version, dataset, run, progress)
    return version


def _prepare(settings: Settings) -> None:
    keras.utils.set_random_seed(settings.recipe.config.seed)
    if settings.threads:
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(settings.threads)


def _load(settings: Settings, progress: Progress) -> Dataset:
    config = settings.recipe.config
    source = config.data.source
    dataset = load(source)
    train, test = len(dataset.train), len(dataset.test)
    progress.stage("load", f"{train:,} training and {test:,} test images from {source or dataset.source}")
    if (config.drawn_digits or config.typefaces) and dataset.labels != DIGIT_LABELS:
        classes = f"classes from {dataset.labels[0]} to {dataset.labels[-1]}"
        wanted = "0 to 9, which drawn_digits and typefaces add to"
        raise DataError(source or dataset.source, classes, wanted)
    trained.check_labels(_needed(settings), dataset.labels)
    return dataset


def _needed(settings: Settings) -> tuple[str, ...]:
    """The models that have to be there: a run that goes on may have its teachers' answers already."""
    config = settings.recipe.config
    if settings.resume and distillation.is_answered(Run(settings.resume).distillation):
        return config.lookers
    return config.teachers + config.lookers


def _split(dataset: Dataset, settings: Settings, progress: Progress) -> Split:
    config = settings.recipe.config
    data = config.data
    parts = split(dataset.train, data.split_seed, data.validation_images).limited(data.fit_images)
    fit_images, validation_images = len(parts.fit), len(parts.validation)
    progress.stage(
        "split", f"{fit_images:,} to fit, {validation_images:,} to validate, held out {parts.held_out}"
    )
    return parts


def _build(dataset: Dataset, parts: Split, settings: Settings, progress: Progress) -> Learner:
    recipe = settings.recipe
    learner = Learner(recipe.config, len(dataset.labels), len(parts.fit))
    softened(learner.result, recipe.config, learner.classes)  # refuses before the fit what it cannot soften
    progress.stage("build", f"{recipe.name}, {_parameters(learner.result):,} parameters")
    return learner


def _parameters(model: keras.Model) -> int:
    """The trainable ones; the means that batch normalisation keeps are folded into others by the export."""
    return sum(weight.shape.num_elements() for weight in model.trainable_weights)


def _run(learner: Learner, settings: Settings, progress: Progress) -> Run:
    config = learner.config
    trained.graphs(_needed(settings), learner.classes)
    if not settings.resume and config.typefaces and config.typefaces.share:
        typeset.families(config.typefaces.files)  # before there is a folder
    run = Run(settings.resume) if settings.resume else Run.create(settings)
    progress.stage("run", str(run.folder))
    return run


def _material(parts: Split, learner: Learner, run: Run, progress: Progress) -> Material:
    """The images to fit on, with what the configuration adds to them."""
    config, train, classes = learner.config, parts.fit, learner.classes
    images, answers = train.images, None
    if config.distillation:
        graphs = partial(trained.graphs, config.teachers, classes)
        images, answers = distillation.taught(train.images, graphs, config, run.distillation, progress)
    added = tuple(_additions(train.images, learner, run, progress))
    return Material(images, train.labels, answers, added)


def _additions(images: Images, learner: Learner, run: Run, progress: Progress) -> Iterator[Addition]:
    """In the order of the configuration's `added`."""
    config = learner.config
    drawn, faces, strange = config.drawn_digits, config.typefaces, config.outliers
    if drawn and drawn.share:
        draw = partial(drawn_digits.drawn_digits, drawn.pool, config.seed, drawn.on_paper)
        pool = run.made_once("drawn_digits", draw)
        progress.stage("draw", f"{len(pool):,} digits of many forms, {drawn.share:.0%} of each batch")
        yield Addition(pool, np.arange(len(pool)) % learner.classes)
    if faces and faces.share:
        draw = partial(typeset.digits, faces.files, faces.pool, config.seed, faces.on_paper)
        pool = run.made_once("typefaces", draw)
        progress.stage("typeset", f"{len(pool):,} digits of typefaces, {faces.share:.0%} of each batch")
        yield Addition(pool, np.arange(len(pool)) % learner.classes)
    if strange and strange.share:
        hands = faces.files if faces and faces.share else None
        draw = partial(outliers.outliers, images, strange.pool, config.seed, hands)
        pool = run.made_once("outliers", draw)
        progress.stage("outliers", f"{len(pool):,} drawn, {strange.share:.0%} of each batch")
        yield Addition(pool, np.full(len(pool), learner.classes))


def _calibrate(model: keras.Model, dataset: Dataset, parts: Split, progress: Progress) -> float:
    logits = network.logits(model, parts.validation.images)
    temperature = calibration.temperature(logits, parts.validation.labels, len(dataset.labels))
    progress.stage("calibrate", f"temperature {temperature:g}")
    return temperature


def _export(model: keras.Model, temperature: float, dataset: Dataset, progress: Progress) -> Graph:
    graph = Graph(export(model, temperature, len(dataset.labels)))
    progress.stage("export", f"ONNX, {len(graph.serialized) / 1000:,.0f} kB")
    return graph


def _verify(graph: Graph, model: keras.Model, temperature: float, parts: Split, progress: Progress) -> None:
    images = parts.fit.images[:VERIFIED_IMAGES]
    expected = calibration.folded(network.logits(model, images), graph.classes, temperature)
    apart = verify(graph, images, expected)
    progress.stage(
        "verify", f"{len(images):,} images: at most {apart:.0e} apart from Keras, the same in every batch"
    )


def _stored(graph: Graph, parts: Split, config: Config, progress: Progress) -> Graph:
    """The graph with its weights as its file is to hold them, which those of another may be already."""
    serialized = graph.serialized if config.weights == "float32" else half_precision.halved(graph.serialized)
    if serialized == graph.serialized:
        return graph
    rounded = Graph(serialized)
    check_batches(rounded, parts.fit.images[:VERIFIED_IMAGES])
    apart = check_rounding(rounded, graph, parts.validation.images)
    size = f"ONNX, {len(rounded.serialized) / 1000:,.0f} kB"
    progress.stage("round", f"weights to float16: answers at most {apart:.0e} apart; {size}")
    return rounded


def _looked_again(graph: Graph, parts: Split, settings: Settings, progress: Progress) -> Graph:
    """The graph joined with those that look again, if the recipe says so."""
    config = settings.recipe.config
    taken = config.looks
    if not taken:
        return graph
    asked = []
    for look in taken:
        found = trained.graphs(look.networks, graph.classes, threads=1)
        asked.append((look, [_stored(other, parts, config, progress) for other in found]))
    # Also as if all were doubted, for each network to be verified on more than those few.
    always = [(replace(look, below=1.0, at_least=0.0), graphs) for look, graphs in asked]
    images = parts.validation.images
    least_sure = images[np.argsort(graph.probabilities(images).max(axis=1))[:VERIFIED_IMAGES]]
    for by in (always, asked):
        whole = looks.joined(graph, by)
        expected, _ = looks.answers(graph, by, least_sure)
        verify(whole, least_sure, expected)
    _, seen = looks.answers(graph, asked, images)
    for look, count in zip(taken, seen, strict=True):
        doubted = (
            f"confidences from {look.at_least:g} to {look.below:g}, {count / len(images):.1%} of the images"
        )
        progress.stage("look", f"again at {doubted}")
    progress.stage("export", f"all in one, ONNX, {len(whole.serialized) / 1000:,.0f} kB")
    return whole


def _review(graph: Graph, parts: Split, progress: Progress) -> tuple[Metrics, Review, Distribution]:
    answers = graph.probabilities(parts.validation.images)
    found = review(answers, parts.validation.labels, WHOSE[parts.held_out])
    marked = f"below a confidence of {found.threshold:.4f}, {1 - found.coverage:.1%} of the answers"
    progress.stage("review", marked if found.threshold < 1 else f"{marked}; promise: {found.promise}")
    return evaluate(answers, parts.validation), found, distribution(parts.validation.images, answers)


def _evaluate(graph: Graph, dataset: Dataset, found: Review, progress: Progress) -> ReviewedMetrics:
    """The one look at the test set."""
    answers = graph.probabilities(dataset.test.images)
    test = evaluate_reviewed(answers, dataset.test, found.threshold)
    progress.stage(
        "evaluate",
        f"{test.accuracy:.2%} of {test.images:,} test images right, cross-entropy {test.cross_entropy:.4f}, "
        f"{test.coverage:.2%} without review and {test.error_rate:.3%} of those wrong"
        + _drawn(graph, dataset),
    )
    return test


def _check_accuracy(test: ReviewedMetrics, run: Run, settings: Settings) -> None:
    wanted = settings.recipe.config.min_accuracy
    if test.accuracy < wanted:
        raise AccuracyTooLow(test.accuracy, wanted, run.folder)


def _drawn(graph: Graph, dataset: Dataset) -> str:
    """How it does on drawn digits, if digits are what it reads."""
    if dataset.labels != DIGIT_LABELS:
        return ""
    right = int((graph.probabilities(golden_images()).argmax(axis=1) == range(10)).sum())
    return f"; {right} of 10 drawn digits"


def _write(home: Path, outcome: Outcome, run: Run, progress: Progress) -> Path:
    def contents(version: int) -> Mapping[str, bytes]:
        manifest = compose(outcome, version)
        return {
            "model.onnx": outcome.graph.serialized,
            "manifest.json": encoded(manifest),
            "MODEL_CARD.md": model_card(manifest).encode(),
        }

    folder = repository.publish(home, contents)
    run.finish(folder)
    progress.stage("write", f"{folder}: model.onnx, manifest.json, MODEL_CARD.md")
    return folder


def _report(version: Path, dataset: Dataset, run: Run, progress: Progress) -> None:
    page = write_report(run.report, version, {dataset.source: dataset}, run.history)
    progress.stage("report", str(page))
