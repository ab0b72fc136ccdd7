"""The example pictures, through the real server on the bundled model, as a newcomer would."""

from pathlib import Path

import pytest
from digitserve_client import DigitClient

ROOT = Path(__file__).parents[2]
PICTURES = sorted(path for path in (ROOT / "examples").glob("[0-9]-*") if path.is_file())


def test_there_are_enough_of_every_digit() -> None:
    assert len(PICTURES) >= 20
    digits = [path.name[0] for path in PICTURES]
    assert all(digits.count(str(digit)) >= 2 for digit in range(10))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_read_as_the_digit_in_its_name(client: DigitClient, picture: Path) -> None:
    assert client.classify(picture).digit == int(picture.name[0])
