"""The whole road in a minute: a real server on the bundled model, a real client, the example pictures.

    make demo

With MNIST at hand (DIGITSERVE_MNIST, or Keras' cache) it also classifies the 10,000 test images.
"""

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from digitserve_client import Classification, DigitClient
from digitserve_client.table import answers_table, print_table
from rich.console import Console

ROOT = Path(__file__).parents[1]
KERAS_CACHE = Path.home() / ".keras" / "datasets" / "mnist.npz"
STOP_TIMEOUT_S = 15

os.environ.setdefault("no_grpc_proxy", "127.0.0.1,localhost")  # the server is on this machine

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Starts the server, classifies, stops the server."""
    with server() as target, DigitClient(target, timeout_s=20) as client:
        classify_pictures(client)
        classify_mnist(client)
    what_next()


@contextmanager
def server() -> Iterator[str]:
    """The real server on a free port, until the end of the block; gives its address."""
    command = [sys.executable, "-m", "digitserve_serving.cli", "--models", str(ROOT / "models")]
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, "--port", "0", "--shutdown-delay-s", "0", "--log-level", "warning"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout  # noqa: S101
        listening = re.search(r"listening on (\S+)", process.stdout.readline())
        if not listening:
            sys.exit("demo: the server did not start; its message is above")
        with DigitClient(listening[1], timeout_s=20) as client:
            client.classify(np.zeros((28, 28), np.uint8))  # tried again until the model is loaded
            model = client.model()
        console.print(
            f"[bold]digitserve-server[/] on {listening[1]}, model {model.name}/{model.version}"
            f" ({model.test_accuracy:.2%} on MNIST's test set), up in {time.monotonic() - started:.1f} s\n"
        )
        yield listening[1]
    finally:
        process.terminate()
        code = process.wait(STOP_TIMEOUT_S)
    console.print(f"server stopped cleanly (exit code {code})" if code == 0 else f"server ended with {code}")


def classify_pictures(client: DigitClient) -> None:
    """The pictures beside this file; the expected digit is the first character of each name."""
    pictures = sorted(path for path in (ROOT / "examples").glob("[0-9]-*") if path.is_file())
    answers = [(path, client.classify(path)) for path in pictures]
    print_table(answers_table((path.name, answer) for path, answer in answers))
    right = sum(is_right(path, answer) for path, answer in answers)
    console.print(f"{right} of {len(answers)} pictures read as the digit in their name\n")


def is_right(picture: Path, answer: Classification) -> bool:
    """Whether the answer is the digit in the picture's name."""
    return answer.digit == int(picture.name[0])


def classify_mnist(client: DigitClient) -> None:
    """MNIST's test images over gRPC, if they are at hand."""
    path = Path(os.environ.get("DIGITSERVE_MNIST") or KERAS_CACHE)
    try:
        with np.load(path) as data:
            images, digits = data["x_test"], data["y_test"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        is_missing = isinstance(error, FileNotFoundError)
        problem = f"there is no {path}" if is_missing else f"{path} is no .npz file with x_test and y_test"
        hint = "set DIGITSERVE_MNIST=mnist.npz to see its 10,000 test images"
        console.print(f"MNIST is not at hand: {problem} ({hint})\n")
        return
    started = time.monotonic()
    answers = client.classify_batch(images)
    seconds = time.monotonic() - started
    console.print(
        f"MNIST test set over gRPC: {np.mean(answers.digits == digits):.2%} of {len(images):,} right,"
        f" {len(images) / seconds:,.0f} images/s; {answers.needs_review.mean():.1%} marked for review\n"
    )


def what_next() -> None:
    """Says what to try next."""
    console.print(
        "\n[bold]Next:[/]  make serve            and, in another terminal:\n"
        "       .venv/run/bin/digitserve classify examples/*.png\n"
        "       make test             the whole suite\n"
        "       docker compose up     the same server in a container"
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("demo: interrupted")
