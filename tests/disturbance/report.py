"""The report."""

from pathlib import Path

import msgspec

from disturbance.ledger import Run


def write_report(run: Run, report: Path) -> None:
    """Writes a run."""
    report.parent.mkdir(exist_ok=True)
    report.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(run)) + b"\n")
