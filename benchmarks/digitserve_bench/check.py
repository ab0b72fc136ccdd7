"""Whether what the server answers is what onnxruntime computes, and how it refuses what is too much."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from digitserve_client import CallError, Classification, DigitClient, Overloaded, RetryPolicy

from digitserve_bench.payloads import Images, digits, endless
from digitserve_bench.raw import RawModel

AT_ONCE = 16  # threads, so that single images come to be computed together
TOLERANCE = 1e-3  # of a probability: the size of a batch decides how a sum is rounded
ONCE = RetryPolicy(attempts=1)
PROBE_EVERY_S = 0.02
TIMEOUT_S = 30.0
RETRY_INFO = "RETRY_INFO"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that were compared, and how many of them were wrong."""

    compared: int
    wrong: int


def answers(address: str, models: Path, number: int) -> Checked:
    """Compares single calls, a batch and a stream, `number` images each, with onnxruntime's answers."""
    images = digits(models, number)
    wanted = RawModel(models, threads=1).run(images)
    with DigitClient(address, timeout_s=TIMEOUT_S) as client, ThreadPoolExecutor(AT_ONCE) as threads:
        ways = [
            list(threads.map(client.classify, images)),
            list(client.classify_batch(images, probabilities=True)),
            list(client.classify_stream(images, probabilities=True)),
        ]
    wrong = sum(_wrong(found, wanted) for found in ways)
    return Checked(compared=number * len(ways), wrong=wrong)


def _wrong(found: list[Classification], wanted: npt.NDArray[np.float32]) -> int:
    rows = np.array([answer.probabilities for answer in found])
    right = np.abs(rows - wanted).max(axis=1) <= TOLERANCE
    right &= [answer.digit for answer in found] == rows.argmax(axis=1)
    return int((~right).sum())


@contextmanager
def probing(address: str, models: Path) -> Iterator[Counter[str]]:
    """Calls now and then while the block runs, without retries.

    Counts what it meets: "OK", "RETRY_INFO" for a refusal that says when to come back, or another error.
    """
    met: Counter[str] = Counter()
    enough = threading.Event()
    prober = threading.Thread(target=_probe, args=(address, models, met, enough))
    prober.start()
    try:
        yield met
    finally:
        enough.set()
        prober.join()


def _probe(address: str, models: Path, met: "Counter[str]", enough: threading.Event) -> None:
    with DigitClient(address, timeout_s=TIMEOUT_S, retry=ONCE) as client:
        for image in endless(digits(models, 10)):
            if enough.wait(PROBE_EVERY_S):
                return
            met[_outcome(client, image)] += 1


def _outcome(client: DigitClient, image: Images) -> str:
    try:
        client.classify(image)
    except Overloaded:  # which is what the client calls a refusal with a RetryInfo
        return RETRY_INFO
    except CallError as error:
        return error.code
    return "OK"
