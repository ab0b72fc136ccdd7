from pathlib import Path

import matplotlib
import numpy as np
import pytest
from digitserve_training import typeset
from digitserve_training.errors import DataError
from PIL import ImageFont

FOLDER = Path(matplotlib.get_data_path(), "fonts", "ttf")
MONO = str(FOLDER / "DejaVuSansMono*.ttf")


def test_a_seed_always_draws_the_same() -> None:
    first, again, other = (
        typeset.digits(MONO, 20, 1),
        typeset.digits(MONO, 20, 1),
        typeset.digits(MONO, 20, 2),
    )
    assert (first.shape, first.dtype.name) == ((20, 28, 28), "uint8")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_share_of_them_is_on_paper() -> None:
    plain, shown = typeset.digits(MONO, 100, 1), typeset.digits(MONO, 100, 1, 0.5)
    assert 30 <= (shown != plain).any(axis=(1, 2)).sum() <= 70


def test_the_digits_come_in_their_order() -> None:
    """Means of the digits: most are nearest to the others of their kind."""
    images = typeset.digits(MONO, 400, 4).reshape(40, 10, -1).astype(float)
    means = images[:20].mean(axis=0)
    nearest = ((images[20:, :, None] - means) ** 2).sum(axis=-1).argmin(axis=-1)
    assert (nearest == np.arange(10)).mean() > 0.8


def test_a_folder_is_a_family_and_families_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = {"one": ["DejaVuSans.ttf"], "two": ["DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "cmr10.ttf"]}
    for family, names in faces.items():
        (tmp_path / family).mkdir()
        for name in names:
            (tmp_path / family / name).symlink_to(FOLDER / name)
    families = typeset.families(f"{tmp_path}/**/*.ttf")
    assert [[file.name for file in family] for family in families] == [faces["one"], sorted(faces["two"])]

    used: list[str] = []

    def noted(_: str, face: ImageFont.FreeTypeFont, *__: object) -> np.ndarray:
        used.append(str(face.getname()[0]))
        return np.eye(96, dtype=np.uint8) * 255

    monkeypatch.setattr(typeset, "character", noted)
    typeset.digits(f"{tmp_path}/**/*.ttf", 200, 1)
    assert 70 <= used.count("DejaVu Sans") <= 130


def test_a_stroke_too_fine_to_be_made_finer_stays() -> None:
    line = np.zeros((96, 96), np.uint8)
    line[20:80, 47:49] = 255
    np.testing.assert_array_equal(typeset._of_other_weight(line, -2), line)
    bold = typeset._of_other_weight(line, 4)
    assert bold.sum() > 2 * line.sum()
    assert typeset._of_other_weight(bold, -2).sum() < bold.sum()


@pytest.mark.parametrize("pattern", ["", ".", "/", "**/*.nothing"])
def test_a_pattern_of_no_file_is_told(pattern: str) -> None:
    with pytest.raises(DataError, match="no file; wanted typefaces"):
        typeset.families(pattern)


def test_what_is_no_typeface_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\*\.woff: no file; wanted typefaces"):
        typeset.digits(f"{tmp_path}/*.woff", 10, 1)
    (tmp_path / "a.woff").write_bytes(b"no typeface")
    with pytest.raises(DataError, match=r"a\.woff: unknown file format; wanted typefaces"):
        typeset.families(f"{tmp_path}/*.woff")
    with pytest.raises(DataError, match="a typeface without digits"):
        typeset.families(str(FOLDER / "DejaVuSansDisplay.ttf"))
