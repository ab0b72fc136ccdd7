"""The threat model names the tests that show its defences."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
THREAT_MODEL = TESTS.parent / "serving" / "THREAT-MODEL.md"


def test_the_tests_that_the_threat_model_names_are_there() -> None:
    rows = [line for line in THREAT_MODEL.read_text().splitlines() if line.startswith("| ")][1:]
    sources = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", sources))
    for row in rows:
        named = set(re.findall(r"`(test_\w+)`", row))
        assert named, f"no test in: {row}"
        assert named <= there, named - there
