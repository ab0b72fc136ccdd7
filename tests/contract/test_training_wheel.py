"""What the training wheel carries."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_carries_the_one_schema_and_nothing_but_its_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "training", check=True, capture_output=True)
    [wheel] = tmp_path.glob("digitserve_training-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        carried = json.loads(archive.read("digitserve_training/manifest.schema.json"))
    assert carried == json.loads((ROOT / "models" / "manifest.schema.json").read_text())
    assert "digitserve_training/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"digitserve_training"}
