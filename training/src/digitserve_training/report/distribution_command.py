"""`digitserve-train distribution`: for a model that was made before its manifest had one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitserve_training.errors import DataError, TrainingError

if TYPE_CHECKING:
    from digitserve_training.data import Images
    from digitserve_training.report.model import Model


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", "source", required=True, help="What it was trained on, as training takes it.")
def distribution(model: Path, source: str) -> None:
    """Write into a model's manifest what its validation images are like.

    A server compares its callers' images with that, to tell when they have changed. MODEL is the folder of a
    version, or of a model: then it is its newest version. Refuses data other than those of the manifest.
    """
    try:
        click.echo(_add(model, source))
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


def _add(folder: Path, source: str) -> str:
    # Here, because --help should not wait for them.
    from digitserve_training import durable  # noqa: PLC0415
    from digitserve_training.distribution import distribution  # noqa: PLC0415
    from digitserve_training.manifest import encoded, validate  # noqa: PLC0415
    from digitserve_training.report.model import read_model  # noqa: PLC0415

    model = read_model(folder)
    images = _validation_images(model, source)
    found = distribution(images, model.graph.probabilities(images))
    manifest = json.loads(json.dumps(model.manifest | {"distribution": found.table()}))
    validate(manifest)
    durable.write(model.folder / "manifest.json", encoded(manifest))
    return f"{model.title}: distribution of {found.images:,} validation images"


def _validation_images(model: "Model", source: str) -> "Images":
    """Those that were held out when the model was trained. Raises DataError for others."""
    from digitserve_training.config.parts import Data  # noqa: PLC0415
    from digitserve_training.data import load  # noqa: PLC0415
    from digitserve_training.split import split  # noqa: PLC0415

    data = model.manifest["training"]["configuration"].get("data", {})
    seed = data.get("split_seed", Data().split_seed)
    count = data.get("validation_images", Data().validation_images)
    held_out = split(load(source).train, seed, count).validation
    found, wanted = held_out.sha256(), model.manifest["metrics"]["validation"]["data_sha256"]
    if found != wanted:
        raise DataError(
            source,
            f"validation images with SHA-256 {found[:12]}…",
            f"those of the manifest, {wanted[:12]}…: the data that the model was trained on",
        )
    return held_out.images
