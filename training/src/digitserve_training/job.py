"""The training job, from data to a model version that a server can load."""

import json
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from digitserve_training import calibration, network, repository
from digitserve_training.data import Dataset, load
from digitserve_training.errors import AccuracyTooLow
from digitserve_training.evaluation import Metrics, evaluate
from digitserve_training.export import export
from digitserve_training.fit import fit
from digitserve_training.golden import golden_images
from digitserve_training.graph import Graph
from digitserve_training.manifest import Outcome, compose
from digitserve_training.model_card import model_card
from digitserve_training.progress import Progress
from digitserve_training.review import Review, review
from digitserve_training.settings import Settings
from digitserve_training.split import Split, split
from digitserve_training.verification import verify

VERIFIED_IMAGES = 1_000
WHOSE = {
    "by writer": "by writers the network had not seen",
    "at random": "whose writers the network may have seen",
}


def train(settings: Settings, progress: Progress) -> Path:
    """Makes a model version and returns its folder; writes nothing unless all of it is as it should be.

    Raises a TrainingError.
    """
    home = settings.models / settings.name
    repository.check_writable(home)
    _prepare(settings)
    dataset = _load(settings, progress)
    parts = _split(dataset, settings, progress)
    model = _build(settings, progress)
    fit(model, parts.fit, parts.validation, settings, progress)
    temperature = _calibrate(model, parts, progress)
    graph = _export(model, temperature, progress)
    _verify(graph, model, temperature, parts, progress)
    validation, threshold = _review(graph, parts, progress)
    test = _evaluate(graph, dataset, settings, progress)
    return _write(
        home,
        Outcome(
            settings=settings,
            source=dataset.source,
            held_out=parts.held_out,
            fit_images=len(parts.fit),
            parameters=model.count_params(),
            graph=graph,
            temperature=temperature,
            review=threshold,
            validation=validation,
            test=test,
        ),
        progress,
    )


def _prepare(settings: Settings) -> None:
    keras.utils.set_random_seed(settings.seed)
    if settings.threads:
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(settings.threads)


def _load(settings: Settings, progress: Progress) -> Dataset:
    dataset = load(settings.data)
    train, test = len(dataset.train), len(dataset.test)
    progress.stage(
        "load", f"{train:,} training and {test:,} test images from {settings.data or dataset.source}"
    )
    return dataset


def _split(dataset: Dataset, settings: Settings, progress: Progress) -> Split:
    parts = split(dataset.train, settings.seed).limited(settings.fit_images)
    fit_images, validation_images = len(parts.fit), len(parts.validation)
    progress.stage(
        "split", f"{fit_images:,} to fit, {validation_images:,} to validate, held out {parts.held_out}"
    )
    return parts


def _build(settings: Settings, progress: Progress) -> keras.Model:
    model = network.build(settings.preset)
    progress.stage("build", f"preset {settings.preset}, {model.count_params():,} parameters")
    return model


def _calibrate(model: keras.Model, parts: Split, progress: Progress) -> float:
    logits = network.logits(model, parts.validation.images)
    temperature = calibration.temperature(logits, parts.validation.labels)
    progress.stage("calibrate", f"temperature {temperature:g}")
    return temperature


def _export(model: keras.Model, temperature: float, progress: Progress) -> Graph:
    graph = Graph(export(model, temperature))
    progress.stage("export", f"ONNX, {len(graph.serialized) / 1000:,.0f} kB")
    return graph


def _verify(graph: Graph, model: keras.Model, temperature: float, parts: Split, progress: Progress) -> None:
    images = parts.fit.images[:VERIFIED_IMAGES]
    expected = calibration.softmax(network.logits(model, images) / temperature)
    apart = verify(graph, images, expected)
    progress.stage(
        "verify", f"{len(images):,} images: at most {apart:.0e} apart from Keras, the same in every batch"
    )


def _review(graph: Graph, parts: Split, progress: Progress) -> tuple[Metrics, Review]:
    answers = graph.probabilities(parts.validation.images)
    found = review(answers, parts.validation.labels, WHOSE[parts.held_out])
    progress.stage(
        "review", f"below a confidence of {found.threshold:.4f}, {1 - found.coverage:.1%} of the answers"
    )
    return evaluate(answers, parts.validation), found


def _evaluate(graph: Graph, dataset: Dataset, settings: Settings, progress: Progress) -> Metrics:
    """The one look at the test set. Raises AccuracyTooLow."""
    test = evaluate(graph.probabilities(dataset.test.images), dataset.test)
    right = int((graph.probabilities(golden_images()).argmax(axis=1) == range(10)).sum())
    progress.stage(
        "evaluate",
        f"{test.accuracy:.2%} of {test.images:,} test images right, cross-entropy {test.cross_entropy:.4f}; "
        f"{right} of 10 drawn digits",
    )
    if test.accuracy < settings.min_accuracy:
        raise AccuracyTooLow(test.accuracy, settings.min_accuracy)
    return test


def _write(home: Path, outcome: Outcome, progress: Progress) -> Path:
    def contents(version: int) -> Mapping[str, bytes]:
        manifest = compose(outcome, version)
        return {
            "model.onnx": outcome.graph.serialized,
            "manifest.json": (json.dumps(manifest, indent=2) + "\n").encode(),
            "MODEL_CARD.md": model_card(manifest).encode(),
        }

    folder = repository.publish(home, contents)
    progress.stage("write", f"{folder}: model.onnx, manifest.json, MODEL_CARD.md")
    return folder
