"""Closed loops by h2load, of Debian's nghttp2-client: C, and cheaper than any server measured here.

It does not look at gRPC's status, which comes after the answer. But all calls of a load send the same bytes
and get answers of the same length, and an error has no answer at all: so the bytes that h2load counted
tell how many calls were answered. Which errors the others were, a sample by our own generator tells.
"""

import re
import resource
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from digitserve_bench.loops import CONNECTIONS
from digitserve_bench.measurement import Load, percentiles
from digitserve_bench.orders import TIMEOUT_S
from digitserve_bench.payloads import FRAME_BYTES

INSTALL = "apt-get install nghttp2-client"
NO_ANSWER = "NO_ANSWER"
HTTP_OK = 200


def version() -> str:
    """Such as "h2load nghttp2/1.52.0"; "" when it is not installed."""
    if not shutil.which("h2load"):
        return ""
    return subprocess.run(["h2load", "--version"], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S607  # wherever it is


def load(port: int, path: str, message: Path, *, in_flight: int, seconds: float, answer_bytes: int) -> Load:
    """What a closed loop of `seconds` saw. answer_bytes: length of one answer, in gRPC's frame."""
    log = message.with_suffix(".log")
    log.unlink(missing_ok=True)  # h2load appends
    before = _children_cpu_s()
    said = _run(port, path, message, log, ["-D", f"{round(seconds * 1000)}ms", *_streams(in_flight)])
    used_s = _children_cpu_s() - before
    return read(said, log.read_text(), seconds=seconds, answer_bytes=answer_bytes, generator_cpu_s=used_s)


def answer_bytes(port: int, path: str, message: Path) -> int:
    """The length of the answer to this message, in gRPC's frame."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary(path)
        answer: bytes = call(message.read_bytes()[FRAME_BYTES:], timeout=TIMEOUT_S)
    return FRAME_BYTES + len(answer)


def send(port: int, path: str, message: Path, *, calls: int, in_flight: int) -> None:
    """Makes so many calls, and measures nothing."""
    _run(port, path, message, Path("/dev/null"), ["-n", str(calls), *_streams(in_flight)])


def read(said: str, log: str, *, seconds: float, answer_bytes: int, generator_cpu_s: float) -> Load:
    """What h2load's words and its log of every call amount to."""
    calls = np.array([line.split("\t") for line in log.splitlines()], np.int64).reshape(-1, 3)
    good = calls[:, 1] == HTTP_OK
    with_answer = min(int(good.sum()), _found(r"\((\d+)\) data", said) // max(1, answer_bytes))
    failed = Counter(f"HTTP_{status}" for status in calls[~good, 1].tolist())
    unanswered = int(good.sum()) - with_answer
    return Load(
        seconds=seconds,
        answered=with_answer,
        errors=dict(failed) | ({NO_ANSWER: unanswered} if unanswered else {}),
        latencies=percentiles(calls[good, 2] / 1e6),
        whole_s=seconds,
        whole_answered=with_answer,
        generator_cpu_s=generator_cpu_s,
    )


def _streams(in_flight: int) -> list[str]:
    connections = min(in_flight, CONNECTIONS)
    return ["-c", str(connections), "-m", str(in_flight // connections)]


def _run(port: int, path: str, message: Path, log: Path, options: list[str]) -> str:
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    command = ["h2load", *options, *headers, "-d", str(message), f"--log-file={log}"]
    return subprocess.run(  # noqa: S603  # h2load, found on the path
        [*command, f"http://127.0.0.1:{port}{path}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    ).stdout


def _found(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
