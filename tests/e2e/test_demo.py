"""`make demo`, without its set-up."""

import os
import re
import subprocess
import sys
from pathlib import Path

from digits import mnist_or_sklearn, write_npz

ROOT = Path(__file__).parents[2]


def demo(**variables: str) -> str:
    """Runs the demo; returns what it prints."""
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"],
        env=os.environ | {"COLUMNS": "110"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return result.stdout


def test_the_demo_classifies_the_examples_and_stops(tmp_path: Path) -> None:
    output = demo(DIGITSERVE_MNIST="", HOME=str(tmp_path))
    pictures = sorted(path.name for path in (ROOT / "examples").glob("[0-9]-*"))
    for name in pictures:
        assert name in output
    assert f"{len(pictures)} of {len(pictures)} pictures read as the digit in their name" in output
    assert "MNIST is not at hand" in output
    assert "server stopped cleanly (exit code 0)" in output
    assert "Next:" in output


def test_with_mnist_at_hand_it_classifies_the_test_images(tmp_path: Path) -> None:
    write_npz(tmp_path / "mnist.npz")
    output = demo(DIGITSERVE_MNIST=str(tmp_path / "mnist.npz"))
    found = re.search(r"([\d.]+)% of ([\d,]+) right, ([\d,]+) images/s", output)
    assert found, output
    *_, labels = mnist_or_sklearn()
    assert int(found[2].replace(",", "")) == len(labels)
    assert float(found[1]) > 90
