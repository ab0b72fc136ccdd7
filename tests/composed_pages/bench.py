"""Reads composed pages with the bundled model: precision and recall of digits, exactness of strings, time.

`at 99%` is the recall where only digits of so high a confidence are believed that 99 % of them are right.

    DIGITSERVE_MNIST=mnist.npz python -m composed_pages.bench [--pages N] [--out FOLDER]

The digits are MNIST's test digits; the seeds of these pages are used for nothing else.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundled import MODELS
from digits import has_mnist, mnist_or_sklearn
from digitserve_client import DigitClient
from digitserve_client.annotation import annotated
from digitserve_client.page import Page
from numpy.typing import NDArray
from server_process import ServerProcess

from composed_pages.closeup import compose_close_up
from composed_pages.grades import CLOSE_UP, EASY, GRADES, Grade
from composed_pages.page import Digits, Size, compose
from composed_pages.score import Score

FIRST_SEED = 1
SHOWN = 2  # pages of each grade that are kept to look at
A4_300_DPI = Size(3508, 2480, most=212)
SMALL, FULL_SEED = replace(EASY, height_px=(24, 40)), 8  # so that 200 digits find room
TIMED = 5  # readings
CLOSE_UPS = 20  # for each page: they show one number each
WANTED = 0.99  # of the digits that are believed: their precision
LINE = "{:8} {:>7} {:>10} {:>8} {:>10} {:>8} {:>8} {:>8}"

Read = Callable[[NDArray[Any]], Page]


def main() -> None:
    """Prints a table, and writes some pages with what was read on them."""
    parser = argparse.ArgumentParser(description="measure the reading of pages")
    parser.add_argument("--pages", type=int, default=20, help="of each grade")
    parser.add_argument("--out", type=Path, default=Path("runs/pages"), help="where annotated pages go")
    names = [grade.name for grade in (*GRADES, CLOSE_UP)]
    parser.add_argument("--grades", nargs="+", choices=names, default=names, help="which")
    options = parser.parse_args()
    _, _, images, labels = mnist_or_sklearn()
    digits = Digits(images, labels)
    options.out.mkdir(parents=True, exist_ok=True)
    _print(f"{options.pages} pages of each grade; digits: {'MNIST test' if has_mnist() else 'scikit-learn'}")
    with ServerProcess(MODELS) as server, DigitClient(server.target, timeout_s=60) as client:
        columns = "digits", "precision", "recall", f"at {WANTED:.0%}", "strings", "exact", "s/page"
        _print(LINE.format("grade", *columns))
        for grade in (*GRADES, CLOSE_UP):
            if grade.name in options.grades:
                _print(_line(client.read, grade, digits, options))
        _print(_timed(client.read, digits))
    _print(f"annotated pages: {options.out}")


def _line(read: Read, grade: Grade, digits: Digits, options: argparse.Namespace) -> str:
    composing = compose_close_up if grade is CLOSE_UP else compose
    pages = options.pages * (CLOSE_UPS if grade is CLOSE_UP else 1)
    score, seconds = Score(), 0.0
    for number in range(pages):
        composed = composing(grade, FIRST_SEED + number, digits)
        start = time.perf_counter()
        page = read(composed.picture)
        seconds += time.perf_counter() - start
        score.add(page, composed.written)
        if number < SHOWN:
            annotated(composed.picture, page).save(options.out / f"{grade.name}-{number + 1}.png")
    shares = score.precision, score.recall, score.recall_at(WANTED)
    digits_read = score.written, *(f"{share:.2%}" for share in shares)
    return LINE.format(
        grade.name, *digits_read, score.strings, f"{score.exactness:.2%}", f"{seconds / pages:.2f}"
    )


def _timed(read: Read, digits: Digits) -> str:
    """A whole sheet of A4 at 300 dpi, the median of some readings."""
    composed = compose(SMALL, FULL_SEED, digits, A4_300_DPI)
    seconds = []
    for _ in range(TIMED):
        start = time.perf_counter()
        read(composed.picture)
        seconds.append(time.perf_counter() - start)
    median = sorted(seconds)[TIMED // 2]
    return f"A4 at 300 dpi, {len(composed.written)} digits: {median:.2f} s on {os.cpu_count()} cores"


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
