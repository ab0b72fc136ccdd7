"""`digitserve-train evaluate`: a report on a model that exists."""

from pathlib import Path

import click

from digitserve_training.errors import TrainingError
from digitserve_training.progress import Progress


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="[NAME=]SOURCE",
    help="Whose test part is read: what training takes as --data, or an .npz with pictures x and labels y "
    "(names, or indices in `labels`), which are prepared as a user's pictures are. Repeat it for more sets.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="A run's history.csv, for the training curves.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder to write to.  [default: runs/report-NAME-VERSION]",
)
@click.option(
    "--record",
    "recording",
    is_flag=True,
    help="Also write the figures into the model's manifest.json and MODEL_CARD.md.",
)
def evaluate(
    model: Path, sources: tuple[str, ...], history: Path | None, out: Path | None, recording: bool
) -> None:
    """Measure a model, and show it in pictures.

    MODEL is the folder of a version, which holds model.onnx and manifest.json, or of a model: then it is its
    newest version. Writes metrics.json, pictures and report.html, and prints the path of the last.
    """
    try:
        click.echo(_evaluate(model, sources, history, out, recording))
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


def _evaluate(
    folder: Path, sources: tuple[str, ...], history: Path | None, out: Path | None, recording: bool
) -> Path:
    # Here, because --help should not wait for them.
    from digitserve_training.report import report  # noqa: PLC0415
    from digitserve_training.report.model import read_model  # noqa: PLC0415
    from digitserve_training.report.record import record  # noqa: PLC0415
    from digitserve_training.report.samples import read_samples  # noqa: PLC0415

    progress, model = Progress(), read_model(folder)
    out = out or Path("runs") / f"report-{model.manifest['name']}-{model.manifest['version']}"
    samples = [read_samples(source, model.labels) for source in sources]
    progress.stage("load", f"{model.title}; " + ", ".join(f"{one.name} {len(one):,}" for one in samples))
    metrics = report.write(out, model, samples, history)
    for measures in metrics.sets:
        progress.stage("evaluate", str(measures))
    if recording:
        record(model, metrics)
        progress.stage("record", f"{model.folder}: manifest.json, MODEL_CARD.md")
    return out / report.PAGE
