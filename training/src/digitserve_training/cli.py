"""The command line: `digitserve-train`."""

from pathlib import Path
from typing import Any

import click

from digitserve_training.errors import TrainingError
from digitserve_training.noise import held_back
from digitserve_training.progress import Progress
from digitserve_training.settings import PRESETS, QUICK, Settings

DEFAULTS = Settings()


def _default(setting: str) -> str:
    """The default for the help: options themselves have none, so that --quick knows what was given."""
    usual = getattr(DEFAULTS, setting)
    return (
        f"[default: {usual:g}; {QUICK[setting]:g} with --quick]"
        if setting in QUICK
        else f"[default: {usual}]"
    )


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="DIGITSERVE_MNIST",
    show_envvar=True,
    help="An .npz file with x_train, y_train, x_test, y_test. Without one, Keras downloads MNIST.",
)
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    envvar="DIGITSERVE_MODELS",
    show_envvar=True,
    help=f"The model repository's folder. {_default('models')}",
)
@click.option("--name", help=f"The model's name, which is its folder's. {_default('name')}")
@click.option("--preset", type=click.Choice(PRESETS), help=f"The network. {_default('preset')}")
@click.option("--epochs", type=int, help=f"How often each image is fitted on. {_default('epochs')}")
@click.option("--batch-size", type=int, help=f"Images in a step of the fit. {_default('batch_size')}")
@click.option("--learning-rate", type=float, help=f"At the start; it falls to 0. {_default('learning_rate')}")
@click.option("--seed", type=int, help=f"Decides all that is random. {_default('seed')}")
@click.option(
    "--min-accuracy",
    type=float,
    help=f"Share of the test images; a model below it is not written. {_default('min_accuracy')}",
)
@click.option("--threads", type=int, help="Threads of the fit. [default: one for each core it may use]")
@click.option(
    "--quick",
    is_flag=True,
    help=f"Fits on {QUICK['fit_images']:,} images only: to try the job, not for a model.",
)
@click.version_option(package_name="digitserve-training")
def main(quick: bool, **given: Any) -> None:
    """Train a model that reads handwritten digits, and write it as the next version of the repository.

    Prints the folder of the new version on stdout, and what it does on stderr.
    """
    try:
        chosen = {setting: value for setting, value in given.items() if value is not None}
        click.echo(_train(Settings(**((QUICK if quick else {}) | chosen))))
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


def _train(settings: Settings) -> Path:
    with held_back():
        from digitserve_training.job import train  # noqa: PLC0415  TensorFlow takes seconds; --help should not

    return train(settings, Progress())
