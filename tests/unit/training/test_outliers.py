from pathlib import Path

import matplotlib
import numpy as np
import pytest
from digitserve_training import outliers, typeset
from PIL import ImageFont

FOLDER = Path(matplotlib.get_data_path(), "fonts", "ttf")
MONO = str(FOLDER / "DejaVuSansMono*.ttf")
DIGITS = np.full((4, 28, 28), 255, np.uint8)


def test_a_seed_always_draws_the_same() -> None:
    first, again, other = (outliers.outliers(DIGITS, 30, seed, MONO) for seed in (1, 1, 2))
    assert (first.shape, first.dtype.name) == ((30, 28, 28), "uint8")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("files", "share"), [(None, 0.0), (MONO, 0.5)])
def test_half_of_the_characters_are_of_the_typefaces_if_there_are_any(
    files: str | None, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[str, str]] = []

    def noted(text: str, face: ImageFont.FreeTypeFont, *_: object) -> np.ndarray:
        used.append((text, str(face.path)))
        return np.eye(96, dtype=np.uint8) * 255

    monkeypatch.setattr(typeset, "character", noted)
    monkeypatch.setattr(outliers, "_faces", lambda: [ImageFont.truetype(FOLDER / "cmr10.ttf")])
    outliers.outliers(DIGITS, 400, 1, files)
    of_hands = [text for text, path in used if "DejaVuSansMono" in path]
    assert abs(len(of_hands) / len(used) - share) < 0.1
    assert not set(of_hands) & set("0123456789OolISZq")
