"""The command line: `digitserve-train`."""

import json
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from digitserve_training import config
from digitserve_training.config import Source
from digitserve_training.errors import TrainingError
from digitserve_training.progress import Progress
from digitserve_training.settings import QUICK, Settings
from digitserve_training.stderr import held_back

# Flags that are a value of the configuration under another name.
SHORTHANDS = {
    "data": "data.source",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "learning_rate": "optimizer.learning_rate",
    "seed": "seed",
    "min_accuracy": "min_accuracy",
}


class Commands(click.Group):
    """Commands that are imported when they are asked for: --help does not wait for their libraries."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return ["distribution", "evaluate"]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        modules = {"distribution": "report.distribution_command", "evaluate": "report.command"}
        if name not in modules:
            return None
        command: click.Command = getattr(import_module(f"digitserve_training.{modules[name]}"), name)
        return command


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"max_content_width": 100},
    subcommand_metavar="[COMMAND [ARGS]...]",
)
@click.option(
    "--preset",
    help=f"The recipe: {', '.join(config.names())}. [default: {config.DEFAULT}]",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help='A TOML file of one\'s own; `preset = "cnn"` in it makes that preset its base.',
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="One value of the configuration, as in optimizer.learning_rate=0.001; may be repeated.",
)
@click.option(
    "--data",
    envvar="DIGITSERVE_MNIST",
    show_envvar=True,
    help="What to learn from: data.source. Without it, Keras downloads MNIST.",
)
@click.option("--epochs", help="How often each image is fitted on.")
@click.option("--batch-size", help="Images in a step of the fit.")
@click.option("--learning-rate", help="The highest: optimizer.learning_rate.")
@click.option("--seed", help="Decides all that is random.")
@click.option(
    "--min-accuracy",
    help="Share of the test images; a model below it is not written. [default: the preset's]",
)
@click.option(
    "--quick",
    is_flag=True,
    help=f"Fits on {QUICK.values['data']['fit_images']:,} images for {QUICK.values['epochs']} epochs only, "
    "fewer more often: to try the job, not for a model.",
)
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    envvar="DIGITSERVE_MODELS",
    show_envvar=True,
    help=f"The model repository's folder. [default: {Settings.models}]",
)
@click.option("--name", help=f"The model's name, which is its folder's. [default: {Settings.name}]")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    help=f"Where each run gets a folder. [default: {Settings.runs}]",
)
@click.option("--threads", type=int, help="Threads of the fit. [default: one for each core it may use]")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="The folder of a run that was stopped: goes on after its last epoch, with its configuration; "
    "--min-accuracy may be another.",
)
@click.version_option(package_name="digitserve-training")
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Train a model that reads handwritten digits, and write it as the next version of the repository.

    Prints the folder of the new version on stdout, and what it does on stderr.
    """
    if context.invoked_subcommand:
        return
    try:
        click.echo(_train(_settings(context, given)))
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


def _settings(context: click.Context, given: Mapping[str, Any]) -> Settings:
    if given["resume"]:
        _refuse_with_resume(context)
        return Settings.of_run(given["resume"], _overrides(context, given))
    recipe = config.recipe(
        given["preset"], given["config_file"], _overrides(context, given), _defaults(context, given)
    )
    places = {name: given[name] for name in ("models", "name", "runs", "threads") if given[name] is not None}
    return Settings(recipe=recipe, **places)


def _refuse_with_resume(context: click.Context) -> None:
    """A run goes on as it began, but for what decides only whether its model is written."""
    names = (name for name in context.params if name not in {"resume", "min_accuracy"})
    said = [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if said:
        raise click.UsageError(
            "--resume takes all settings from the run, except for --min-accuracy; not with "
            f"--{said[0].replace('_', '-')}"
        )


def _overrides(context: click.Context, given: Mapping[str, Any]) -> list[Source]:
    """What lies over a preset or a file: --quick, then the flags, then --set."""
    flags = [
        Source.of_flag(f"{key}={_written(name, given[name])}", f"--{name.replace('_', '-')} {given[name]}")
        for name, key in SHORTHANDS.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    assigned = [Source.of_flag(assignment, f"--set {assignment}") for assignment in given["assignments"]]
    return [*([QUICK] if given["quick"] else []), *flags, *assigned]


def _written(name: str, value: str) -> str:
    """A flag's value as TOML has it: what the data are called is text, a folder 2024 as well."""
    return json.dumps(value, ensure_ascii=False) if name == "data" else value


def _defaults(context: click.Context, given: Mapping[str, Any]) -> list[Source]:
    """The environment's data, which a file may replace."""
    if context.get_parameter_source("data") is not ParameterSource.ENVIRONMENT:
        return []
    return [Source("DIGITSERVE_MNIST", {"data": {"source": given["data"]}})]


def _train(settings: Settings) -> Path:
    signal.signal(signal.SIGTERM, _stop)
    with held_back():
        from digitserve_training.job import train  # noqa: PLC0415  TensorFlow takes seconds; --help should not

    return train(settings, Progress())


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Ends as always: TensorFlow removes its temporary files, and the only process of a container stops."""
    sys.exit(128 + number)
