"""The command line: results on stdout, talk on stderr."""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import click

from digitserve_client.async_client import AsyncDigitClient
from digitserve_client.benchmark import Load, Measured, is_local, measure, noise
from digitserve_client.calls import ONCE
from digitserve_client.channel import VERSION
from digitserve_client.classify_command import classify
from digitserve_client.client import DigitClient
from digitserve_client.completion_command import completion
from digitserve_client.config import CALL_ROWS, IN_FLIGHT
from digitserve_client.console import (
    EXIT_CODES,
    INTERRUPTED,
    NOT_ALL_WELL,
    as_json,
    asks_model,
    asks_server,
    fail,
    print_json,
    say,
)
from digitserve_client.errors import CallError, InvalidImage
from digitserve_client.images import Rows, many_images
from digitserve_client.models import Health
from digitserve_client.models_command import models
from digitserve_client.read_command import read
from digitserve_client.table import bench_table, print_table

MAX_BENCH_IN_FLIGHT = 1024


def _numbers(_context: click.Context, _option: click.Parameter, text: str) -> list[int]:
    numbers = [int(each) if each.strip().isdecimal() else 0 for each in text.split(",")]
    if not all(1 <= number <= MAX_BENCH_IN_FLIGHT for number in numbers):
        raise click.BadParameter(f"{text!r} is not numbers from 1 to {MAX_BENCH_IN_FLIGHT}, such as 1,16,64.")
    return numbers


class Commands(click.Group):
    """Ends with the exit code for interruptions, whichever command it is; click itself has 1 for them."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


@click.group(cls=Commands, epilog=EXIT_CODES)
@click.version_option(VERSION, message="%(prog)s %(version)s")
def digitserve() -> None:
    """Reads handwritten digits with a Digitserve server."""


@digitserve.command(epilog=EXIT_CODES, short_help="Ask whether the server serves.")
@click.argument("service", default="")
@as_json
@asks_server
def health(service: str, server: dict[str, Any], as_json: bool) -> None:
    """Asks whether the server serves, or one SERVICE of it, such as digitserve.v1.DigitService."""
    try:
        with DigitClient(**server) as client:
            status = client.health(service)
    except CallError as error:
        fail(error)
    if as_json:
        print_json([{"target": server["target"], "service": service, "status": status}])
    else:
        click.echo(status)
    sys.exit(0 if status is Health.SERVING else NOT_ALL_WELL)


@digitserve.command(epilog=EXIT_CODES, short_help="Measure how fast the server is.")
@click.argument("pictures", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=600, min_open=True),
    default=5.0,
    show_default=True,
    help="How long each load lasts.",
)
@click.option(
    "--in-flight",
    default="1,16,64",
    show_default=True,
    metavar="N,...",
    callback=_numbers,
    help=f"Calls of one image under way at once, 1 to {MAX_BENCH_IN_FLIGHT}: a load for each.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, CALL_ROWS),
    default=256,
    show_default=True,
    help=f"Images in each call of the last load, of which {IN_FLIGHT} are under way.",
)
@as_json
@asks_model
def bench(
    *,
    pictures: tuple[str, ...],
    seconds: float,
    in_flight: list[int],
    batch: int,
    server: dict[str, Any],
    as_json: bool,
) -> None:
    """Measures throughput, latencies and errors of the server, as this machine's users see them.

    It sends PICTURES of digits, brought into the form beforehand, over and over. Without any it sends noise,
    which is no digit: a model that looks again at what it doubts may take longer or shorter for that.
    """
    loads = [Load(images_per_call=1, in_flight=number) for number in in_flight]
    loads.append(Load(images_per_call=batch, in_flight=IN_FLIGHT))
    if is_local(server["target"]):
        say("the server is on this machine: this command takes a part of the cores that it could use")
    if not pictures:
        say("it sends noise, which models answer faster or slower than digits: give it pictures of these")
    try:
        images = many_images(pictures).rows if pictures else noise()
    except (InvalidImage, OSError) as error:
        raise click.UsageError(str(error)) from error
    try:
        measured = asyncio.run(_measure(server, loads, seconds, images))
    except CallError as error:
        fail(error)
    if as_json:
        print_json({"target": server["target"], **each.facts()} for each in measured)
    else:
        print_table(bench_table(measured))


async def _measure(
    server: dict[str, Any], loads: Iterable[Load], seconds: float, images: Rows
) -> list[Measured]:
    async with AsyncDigitClient(retry=ONCE, **server) as client:
        return [await measure(client, load, seconds, images) for load in loads]


for command in (classify, read, models, completion):
    digitserve.add_command(command)
