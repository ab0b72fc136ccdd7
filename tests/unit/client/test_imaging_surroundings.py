"""What surrounds a digit in its picture and is left out: printed lines, remains of cells, light and shade."""

import numpy as np
import pytest
from digitserve_client import UnreadablePicture
from digitserve_client.imaging import to_mnist
from digitserve_client.imaging.ink import read
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from unit.client.pictures import difference

PAPER, INK = 225, 40
SIDE_PX = 100
THREE = [(32, 26), (48, 20), (62, 28), (58, 42), (46, 48), (60, 54), (66, 66), (56, 78), (36, 76)]
TWO = [(34, 32), (42, 20), (58, 22), (60, 36), (46, 58), (30, 76)]
SEVEN = [(20, 28), (76, 28), (44, 84)]
Points = list[tuple[int, int]]
Pixels = NDArray[np.uint8]


def drawn(*strokes: Points, ink: int = INK, stroke_px: int = 6) -> Image.Image:
    picture = Image.new("L", (SIDE_PX, SIDE_PX), PAPER)
    for stroke in strokes:
        ImageDraw.Draw(picture).line(stroke, fill=ink, width=stroke_px, joint="curve")
    return picture


def ruled(picture: Image.Image, *lines: Points, ink: int = INK, line_px: int = 3) -> Image.Image:
    for line in lines:
        ImageDraw.Draw(picture).line(line, fill=ink, width=line_px)
    return picture


ALONE = to_mnist(drawn(THREE))
TOP, BOTTOM = [(-5, 3), (105, 6)], [(-5, 95), (105, 93)]
LEFT, RIGHT = [(4, -5), (6, 105)], [(96, -5), (93, 105)]


@pytest.mark.parametrize("line_px", [2, 9, 13])
@pytest.mark.parametrize(
    "sides", [[TOP], [LEFT, BOTTOM], [TOP, LEFT, RIGHT], [TOP, BOTTOM, LEFT, RIGHT]], ids=len
)
def test_what_is_left_of_a_cell_is_left_out(sides: list[Points], line_px: int) -> None:
    assert difference(to_mnist(ruled(drawn(THREE), *sides, line_px=line_px)), ALONE) < 0.1


def box(left: int) -> Points:
    return [(left, 8), (92, 8), (92, 92), (left, 92), (left, 8)]


@pytest.mark.parametrize("left", [4, 16, 22, 26])
def test_a_box_is_left_out_wherever_its_sides_are(left: int) -> None:
    assert difference(to_mnist(ruled(drawn(THREE), box(left), line_px=2)), ALONE) < 0.1


def test_a_side_of_a_box_that_the_digit_has_grown_together_with_is_left_out() -> None:
    zero = drawn()
    ImageDraw.Draw(zero).ellipse((26, 22, 66, 80), outline=INK, width=6)
    alone = to_mnist(zero)
    assert difference(to_mnist(ruled(zero, box(24), line_px=4)), alone) < 0.3


def test_what_a_darker_line_shares_with_a_stroke_is_not_taken_for_the_digit() -> None:
    bold = drawn(SEVEN, ink=160, stroke_px=16)
    alone = to_mnist(bold)
    assert difference(to_mnist(ruled(bold, [(72, -5), (72, 105)], ink=10, line_px=6)), alone) < 0.3


@pytest.mark.parametrize(("start", "end"), [(18, 82), (20, 84), (22, 86)])
def test_the_foot_of_a_two_is_no_printed_line(start: int, end: int) -> None:
    foot = [(start, 76), (end, 76)]
    alone = to_mnist(drawn(TWO))
    with_foot = to_mnist(drawn(TWO, foot))
    assert difference(with_foot, alone) > 0.3
    assert np.count_nonzero(with_foot[-8:].max(0)) >= 16


def test_the_bars_of_a_digit_make_no_box() -> None:
    bars = [(20, 25), (78, 25)], [(78, 22), (78, 84)], [(20, 50), (78, 50)], [(20, 81), (78, 81)]
    drawn_bars = to_mnist(drawn(*bars))
    assert drawn_bars.max(1).astype(bool).sum() >= 18, "the first of its bars and the last are left"


@pytest.mark.parametrize("place", [(20, 4), (30, 180), (110, 80)], ids=["above", "below", "beside"])
def test_small_print_is_left_out(place: tuple[int, int]) -> None:
    form = Image.new("L", (2 * SIDE_PX, 2 * SIDE_PX), PAPER)
    form.paste(drawn(THREE, stroke_px=6).crop((20, 10, 80, 90)).resize((90, 120)), (10, 40))
    alone = to_mnist(form)
    ImageDraw.Draw(form).text(place, "Reading 12 kg", fill=INK, font=ImageFont.load_default(13))
    assert difference(to_mnist(form), alone) < 0.1


def with_corners(picture: Image.Image, loss: float, centre: tuple[float, float] = (0, 0)) -> Image.Image:
    """Lit as by a lens: `loss` of the light is missing at the edges, and twice as much in the corners."""
    x = np.linspace(-1, 1, SIDE_PX)
    away = (x - centre[0]) ** 2 + (x[:, np.newaxis] - centre[1]) ** 2
    light = np.maximum(1 - loss * away, 0.15)
    return Image.fromarray(np.rint(np.asarray(picture) * light).astype(np.uint8))


@pytest.mark.parametrize("loss", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("centre", [(0, 0), (0.4, 0), (0.4, -0.3)])
def test_light_that_falls_off_towards_the_corners_is_no_ink(loss: float, centre: tuple[float, float]) -> None:
    assert difference(to_mnist(with_corners(drawn(THREE), loss, centre)), ALONE) < 0.15


@pytest.mark.parametrize("loss", [0.05, 0.15, 0.25])
def test_a_blank_picture_with_dark_corners_is_blank(loss: float) -> None:
    with pytest.raises(UnreadablePicture, match="blank"):
        to_mnist(with_corners(drawn(), loss))


def test_there_is_no_digit_without_ink() -> None:
    grey = np.full((60, 60), 149, np.float32)
    grey[:24] = 172  # so much noise that the bar is below it, though not below half of the speck's ink
    grey[30:55, 28:34], grey[50, 5] = 72, 0
    reading = read(grey, np.full_like(grey, 150), dark_ink=True, grain=0.0)
    assert reading is None or reading.ink.any()
