"""`digitserve bench`, as someone at a terminal and a script see it."""

import asyncio
import json
import re
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from digitserve_client import AsyncDigitClient, Overloaded, RetryPolicy
from digitserve_client.benchmark import Load, Measured, is_local, measure, noise
from digitserve_client.commands import digitserve
from digitserve_client.imaging import to_mnist
from unit.client.fake_server import QUEUE_FULL, FakeServer

Bench = Callable[..., Result]
DEAD = "127.0.0.1:1"
SECONDS = 0.05
EXAMPLES = Path(__file__).parents[3] / "examples"


async def measured(server: FakeServer, **load: Any) -> Measured:
    async with AsyncDigitClient(server.target, retry=RetryPolicy(attempts=1)) as client:
        return await measure(client, Load(**load), SECONDS, noise())


@pytest.fixture
def bench(server: FakeServer) -> Bench:
    """Runs the command against the server, briefly."""

    def bench(*arguments: str) -> Result:
        options = ["--target", server.target, "--seconds", str(SECONDS), *arguments]
        return CliRunner().invoke(digitserve, ["bench", *options], prog_name="digitserve")

    return bench


async def test_every_answered_call_is_counted(server: FakeServer) -> None:
    found = await measured(server, images_per_call=1, in_flight=3)
    assert found.calls == len(server.requests["ClassifyImage"]) - 1  # the first is there to warm up
    assert found.errors == {}
    assert found.images_per_s == found.calls_per_s == found.calls / found.seconds
    assert 0 < found.latencies_ms["p50_ms"] <= found.latencies_ms["p99_ms"] <= found.latencies_ms["p999_ms"]


async def test_so_many_calls_are_under_way(server: FakeServer) -> None:
    server.hold(unless=lambda _: len(server.requests["ClassifyImage"]) == 1)
    measuring = asyncio.create_task(measured(server, images_per_call=1, in_flight=5))
    await asyncio.to_thread(server.wait_until, lambda: server.running == 5)
    server.release()
    await measuring


async def test_a_call_may_hold_many_images(server: FakeServer) -> None:
    found = await measured(server, images_per_call=7, in_flight=1)
    assert {len(request.pixels) for request in server.requests["BatchClassifyImages"]} == {7 * 784}
    assert found.images_per_s == 7 * found.calls_per_s


async def test_errors_are_counted_by_their_code(server: FakeServer) -> None:
    server.fail_when("ClassifyImage", lambda _: len(server.requests["ClassifyImage"]) > 1, QUEUE_FULL)
    found = await measured(server, images_per_call=1, in_flight=2)
    assert found.calls == 0
    assert found.latencies_ms == {}
    assert found.errors == {"RESOURCE_EXHAUSTED": len(server.requests["ClassifyImage"]) - 1}


async def test_a_server_that_answers_nothing_is_an_error(server: FakeServer) -> None:
    server.fail("ClassifyImage", QUEUE_FULL)
    with pytest.raises(Overloaded):
        await measured(server, images_per_call=1, in_flight=2)


def test_a_line_for_each_load(bench: Bench) -> None:
    result = bench("--in-flight", "1,4", "--batch", "32")
    assert result.exit_code == 0
    titles, *lines = result.stdout.splitlines()
    assert re.split(" {2,}", titles)[3:] == ["images/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "errors"]
    assert [line.split()[:2] for line in lines] == [["1", "1"], ["1", "4"], ["32", "4"]]
    assert [line.split()[-1] for line in lines] == ["0", "0", "0"]


def test_errors_stand_in_the_line(bench: Bench, server: FakeServer) -> None:
    server.fail_when(
        "BatchClassifyImages", lambda _: len(server.requests["BatchClassifyImages"]) > 1, QUEUE_FULL
    )
    result = bench("--in-flight", "1")
    assert result.exit_code == 0
    last = result.stdout.splitlines()[-1].split()
    assert last[-1] == "RESOURCE_EXHAUSTED"
    assert last[-3] == "-"


def test_json_holds_the_same(bench: Bench, server: FakeServer) -> None:
    one, batch = json.loads(bench("--in-flight", "2", "--json").stdout)
    assert one["target"] == server.target
    assert (one["images_per_call"], one["in_flight"]) == (1, 2)
    assert (batch["images_per_call"], batch["in_flight"]) == (256, 4)
    assert one["calls"] > 0
    assert one["p50_ms"] <= one["p999_ms"]
    assert one["errors"] == {}


def test_the_model_may_be_chosen(bench: Bench, server: FakeServer) -> None:
    bench("--in-flight", "1", "--model", "digits/7")
    asked = {(request.model.name, request.model.version) for request in server.requests["ClassifyImage"]}
    assert asked == {("digits", "7")}


def test_it_sends_the_pictures_one_after_the_other(bench: Bench, server: FakeServer) -> None:
    pictures = sorted(map(str, EXAMPLES.glob("[1-3]-*.png")))
    result = bench("--in-flight", "1", "--batch", "16", *pictures)
    assert "noise" not in result.stderr
    images = [to_mnist(picture).tobytes() for picture in pictures]
    for method, rows in (("ClassifyImage", 1), ("BatchClassifyImages", 16)):
        sent = [request.pixels for request in server.requests[method]]
        turns = cycle(images)
        expected = [b"".join(islice(turns, rows)) for _ in sent]
        assert sorted(sent) == sorted(expected)  # calls that are under way together may overtake each other


def test_without_pictures_it_says_what_it_sends(bench: Bench) -> None:
    assert "it sends noise" in bench("--in-flight", "1").stderr


@pytest.mark.parametrize(
    ("content", "message"), [(b"no picture", "not a picture of a known format"), (None, "does not exist")]
)
def test_what_is_no_picture_is_refused(
    bench: Bench, tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "seven.png"
    if content:
        file.write_bytes(content)
    result = bench(str(file))
    assert result.exit_code == 2
    assert "seven.png" in result.stderr
    assert message in result.stderr


def test_it_says_that_it_takes_cores_from_a_local_server(bench: Bench) -> None:
    assert "this command takes a part of the cores" in bench("--in-flight", "1").stderr


@pytest.mark.parametrize(
    ("target", "local"),
    [("localhost:50051", True), ("127.0.0.1:1", True), ("[::1]:1", True), ("digits.example:50051", False)],
)
def test_which_targets_are_local(target: str, local: bool) -> None:
    assert is_local(target) is local


@pytest.mark.parametrize("wrong", ["0", "1,x", "", "1,2000", "-1"])
def test_numbers_in_flight_that_make_no_sense(bench: Bench, wrong: str) -> None:
    result = bench("--in-flight", wrong)
    assert result.exit_code == 2
    assert "numbers from 1 to 1024" in result.stderr


def test_no_server_is_exit_code_3() -> None:
    result = CliRunner().invoke(digitserve, ["bench", "--target", DEAD], prog_name="digitserve")
    assert result.exit_code == 3
    assert "no server answers at" in result.stderr
