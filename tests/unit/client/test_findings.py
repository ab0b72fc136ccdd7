"""What is found in a picture besides its digit."""

import numpy as np
import pytest
from digitserve_client import imaging
from digitserve_client.findings import PictureWarning, Polarity
from digitserve_client.imaging import prepare
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def bar(ink: int = 20, paper: int = 230) -> Grey:
    """A one of 60 x 8 px."""
    picture = np.full((100, 100), paper, np.uint8)
    picture[20:80, 46:54] = ink
    return picture


def two() -> Grey:
    picture = np.full((100, 160), 230, np.uint8)
    picture[20:80, 40:48] = picture[20:80, 100:108] = 20
    return picture


def test_the_public_names() -> None:
    assert set(imaging.__all__) == {
        "Findings",
        "PictureWarning",
        "Polarity",
        "PreparedPicture",
        "prepare",
        "read_picture",
        "to_mnist",
    }


def test_a_plain_digit_is_described_without_a_warning() -> None:
    found = prepare(bar()).findings
    assert found.polarity is Polarity.DARK_ON_LIGHT
    assert found.ink_share == pytest.approx(0.048, abs=0.005)
    assert found.contrast == pytest.approx(210 / 230, abs=0.05)
    assert found.warnings == ()
    assert not found.is_blank


def test_light_on_dark_is_told() -> None:
    found = prepare(bar(230, 20)).findings
    assert found.polarity is Polarity.LIGHT_ON_DARK
    assert found.contrast == pytest.approx(210 / 255, abs=0.05)


@pytest.mark.parametrize(
    ("picture", "warning"),
    [
        (np.full((100, 100), 230, np.uint8), PictureWarning.BLANK),
        (bar(200, 220), PictureWarning.FAINT),
        (bar()[50:], PictureWarning.CUT_OFF),
        (bar()[:, 49:], PictureWarning.CUT_OFF),
        (two(), PictureWarning.SEVERAL_DIGITS),
    ],
    ids=["blank", "faint", "cut off above", "cut off on the left", "two"],
)
def test_what_deserves_a_second_look_is_said(picture: Grey, warning: PictureWarning) -> None:
    assert prepare(picture).findings.warnings == (warning,)
    assert warning.text


def test_a_digit_cropped_to_its_ink_is_whole() -> None:
    ring = np.zeros((64, 44), np.uint8)
    rows, columns = np.mgrid[-1:1:64j, -1:1:44j]
    ring[(np.hypot(rows, columns) < 1.01) & (np.hypot(rows, columns) > 0.7)] = 255
    assert prepare(ring).findings.warnings == ()


def test_a_blank_picture_has_no_polarity_and_no_ink() -> None:
    blank = prepare(np.full((100, 100), 230, np.uint8))
    assert blank.findings.is_blank
    assert blank.findings.polarity is None
    assert not blank.image.any()


def test_what_is_in_mnists_form_stays_as_it_is() -> None:
    image = prepare(bar()).image
    again = prepare(image)
    np.testing.assert_array_equal(again.image, image)
    assert again.findings.polarity is Polarity.LIGHT_ON_DARK
    assert again.findings.warnings == ()
