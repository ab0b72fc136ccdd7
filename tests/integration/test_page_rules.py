"""Digits on and beside printed rules: lines, boxes, combs and patterns, read with the bundled model."""

import cv2
import numpy as np
import pytest
from composed_pages.canvas import Canvas
from digitserve_client import DigitClient
from written_sheets import box, picture_of, texts, write


@pytest.mark.parametrize("sunk_px", [1, 3, 5])
def test_digits_stand_in_a_paler_rule(client: DigitClient, sunk_px: int) -> None:
    canvas = Canvas(200, 500)
    canvas.line((20, 110 - sunk_px), (480, 110 - sunk_px), 4, 110)
    write(canvas, "206853", 80, 60)
    assert [digit.label for digit in client.read(picture_of(canvas)).digits] == list("206853")


@pytest.mark.parametrize("above_px", [1, 3])
def test_blurred_digits_just_above_a_paler_rule(client: DigitClient, above_px: int) -> None:
    canvas = Canvas(200, 700)
    write(canvas, "2063539054", 80, 60)
    canvas.line((20, 110 + above_px), (680, 110 + above_px), 4, 70)
    canvas.ink = np.asarray(cv2.GaussianBlur(canvas.ink, (0, 0), 2.2), np.float32)
    assert "".join(texts(client.read(picture_of(canvas)))) == "2063539054"


def test_ones_above_a_rule_are_no_ticks(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    canvas.line((20, 114), (480, 114), 4, 180)
    write(canvas, "171812", 80, 60)
    assert texts(client.read(picture_of(canvas))) == ["171812"]


@pytest.mark.parametrize(("blur_px", "darkness"), [(1.0, 110), (1.5, 90)])
def test_numbers_that_all_stand_on_paler_rules_are_read(
    client: DigitClient, blur_px: float, darkness: int
) -> None:
    canvas = Canvas(320, 620)
    for top in (40, 160):
        write(canvas, "47", 60, top)
        for x in (180, 222, 260, 300):
            canvas.line((x, top + 1), (x, top + 42), 5, 220)
        canvas.line((20, top + 50), (600, top + 50), 7, darkness)
    canvas.ink = np.asarray(cv2.GaussianBlur(canvas.ink, (0, 0), blur_px), np.float32)
    assert texts(client.read(picture_of(canvas))) == ["471111", "471111"]


@pytest.mark.parametrize(
    ("middle", "text"), [(210, "147128136"), (235, "472836")], ids=["ones", "ticks, at even steps"]
)
def test_few_upright_lines_of_one_height_on_a_rule(client: DigitClient, middle: int, text: str) -> None:
    canvas = Canvas(200, 520)
    canvas.line((20, 110), (500, 110), 3, 180)
    for x, digits in ((100, "47"), (250, "28"), (410, "36")):
        write(canvas, digits, x, 54)
    for x in (80, middle, 390):
        canvas.line((x, 56), (x, 110), 3, 180)
    assert "".join(texts(client.read(picture_of(canvas)))) == text


def test_few_low_lines_on_a_rule_are_no_ones(client: DigitClient) -> None:
    canvas = Canvas(260, 700)
    write(canvas, "1470352869", 60, 40)
    canvas.line((20, 210), (680, 210), 3, 180)
    for x in (200, 221, 236):
        canvas.line((x, 184), (x, 210), 3, 180)
    assert texts(client.read(picture_of(canvas))) == ["1470352869"]


@pytest.mark.parametrize("blur_px", [0.6, 1.2])
@pytest.mark.parametrize("tick_px", [24, 30])
def test_fine_strokes_just_above_the_rule_of_a_comb_are_no_ticks(
    client: DigitClient, tick_px: int, blur_px: float
) -> None:
    canvas = Canvas(300, 760)
    canvas.line((60, 200), (620, 200), 3, 180)
    for place in range(9):
        canvas.line((60 + 70 * place, 200 - tick_px), (60 + 70 * place, 200), 3, 180)
    for place, digit in enumerate("90142165"):
        left = 60 + 70 * place
        if digit == "1":
            canvas.line((left + 30 + place, 152), (left + 30 + place, 194), 3, 220)
        else:
            write(canvas, digit, left + 18, 152, height=42)
    canvas.ink = np.asarray(cv2.GaussianBlur(canvas.ink, (0, 0), blur_px), np.float32)
    assert texts(client.read(picture_of(canvas))) == ["90142165"]


@pytest.mark.parametrize(("x", "thick_px"), [(226, 6), (225, 8)])
def test_a_one_along_the_side_of_a_box_is_read(client: DigitClient, x: int, thick_px: int) -> None:
    canvas = Canvas(300, 760)
    write(canvas, "47", 600, 50)
    for place, digit in enumerate("90165"):
        left = 60 + 80 * place
        cv2.rectangle(canvas.ink, (left, 130), (left + 80, 210), 180, 3)
        if digit != "1":
            write(canvas, digit, left + 20, 146)
    canvas.line((x, 154), (x, 198), thick_px, 200)
    canvas.ink = np.asarray(cv2.GaussianBlur(canvas.ink, (0, 0), 1.2), np.float32)
    assert texts(client.read(picture_of(canvas))) == ["47", "90165"]


def test_ones_of_a_lower_number_on_a_rule_are_no_ticks(client: DigitClient) -> None:
    canvas = Canvas(260, 700)
    write(canvas, "4703528694", 60, 40)
    canvas.line((20, 210), (680, 210), 3, 180)
    write(canvas, "8", 180, 176, height=32)
    for x in (230, 251, 266):
        canvas.line((x, 178), (x, 210), 3, 180)
    assert texts(client.read(picture_of(canvas))) == ["4703528694", "8111"]


@pytest.mark.parametrize("start", [(330, 58), (60, 30)], ids=["fine and pale", "the side of a box"])
def test_rests_of_print_are_no_ones(client: DigitClient, start: tuple[int, int]) -> None:
    canvas = Canvas(200, 700)
    write(canvas, "1470", 100, 60)
    write(canvas, "352", 420, 60)
    px, darkness, height = (1, 90, 54) if start[0] > 100 else (3, 200, 100)
    canvas.line(start, (start[0] - height // 25, start[1] + height), px, darkness)
    assert texts(client.read(picture_of(canvas))) == ["1470", "352"]


def test_corners_that_are_left_of_pale_boxes_are_no_sevens(client: DigitClient) -> None:
    canvas = Canvas(300, 700)
    write(canvas, "1470352869", 60, 40, 60)
    canvas.ink = np.asarray(cv2.dilate(canvas.ink, np.ones((5, 5), np.uint8)), np.float32)
    for x in range(80, 660, 80):
        canvas.line((x, 170), (x + 26, 171), 2, 70)
        canvas.line((x + 26, 171), (x + 20, 214), 2, 70)
    assert texts(client.read(picture_of(canvas))) == ["1470352869"]


@pytest.mark.parametrize("left", [61, 141, 221, 301])
def test_a_digit_on_a_screen_of_dots_is_read(client: DigitClient, left: int) -> None:
    canvas = Canvas(260, 520)
    for place, digit in enumerate("9265"):
        box(canvas, 60 + 80 * place, 50, 80)
        write(canvas, digit, 83 + 80 * place, 66)
    rows, columns = np.mgrid[:78, :78]
    dots = np.where((rows % 2 == 0) & ((columns + rows) % 4 == 0), np.float32(90), np.float32(0))
    screen = canvas.ink[51:129, left : left + 78]
    screen[:] = np.maximum(screen, dots)
    assert "".join(texts(client.read(picture_of(canvas)))) == "9265"


def test_a_one_that_texture_leads_on_to_the_box_is_no_side(client: DigitClient) -> None:
    canvas = Canvas(220, 500)
    for place in range(4):
        box(canvas, 60 + 80 * place, 50, 80)
    write(canvas, "70", 80, 66, 80)
    write(canvas, "3", 320, 66)
    canvas.line((260, 68), (260, 112), 5, 220)
    for y in range(54, 130, 3):
        canvas.line((258 + y % 3, y), (259 + y % 3, y), 1, 110)
    assert texts(client.read(picture_of(canvas))) == ["7013"]


def test_a_pen_on_pale_squared_paper_is_read(client: DigitClient) -> None:
    canvas = Canvas(300, 700)
    write(canvas, "1470352869", 60, 50)
    write(canvas, "206853", 80, 190)
    for place in range(10, 700, 34):
        canvas.line((place, 0), (place, 300), 1, 50)
        canvas.line((0, place), (700, place), 1, 50)
    assert texts(client.read(picture_of(canvas))) == ["1470352869", "206853"]


def test_a_bold_one_on_the_side_of_a_pale_box_is_read(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    for place in range(4):
        cv2.rectangle(canvas.ink, (60 + 80 * place, 50), (140 + 80 * place, 126), 90, 2)
    write(canvas, "7", 85, 66)
    canvas.line((141, 66), (143, 114), 6, 220)
    write(canvas, "03", 245, 66, 80)
    assert "".join(texts(client.read(picture_of(canvas)))) == "7103"


@pytest.mark.parametrize(("width", "height"), [(54, 94), (48, 66)])
def test_boxes_higher_than_wide_are_cleared(client: DigitClient, width: int, height: int) -> None:
    canvas = Canvas(300, 700)
    write(canvas, "47", 560, 40)
    for place, digit in enumerate("90265"):
        left = 60 + (width + 24) * place
        cv2.rectangle(canvas.ink, (left, 130), (left + width, 130 + height), 130, 2)
        write(canvas, digit, left + width // 2 - 17, 106 + height // 2)
    assert texts(client.read(picture_of(canvas))) == ["47", "90265"]


@pytest.mark.parametrize("blur_px", [1.8, 2.2])
def test_sides_of_neighbouring_boxes_may_blur_into_one(client: DigitClient, blur_px: float) -> None:
    canvas = Canvas(300, 760)
    write(canvas, "47", 600, 40)
    for place, digit in enumerate("40265"):
        left = 60 + 63 * place
        cv2.rectangle(canvas.ink, (left, 130), (left + 56, 186), 130, 3)
        write(canvas, digit, left + 13, 138, height=40)
    canvas.ink = np.asarray(cv2.GaussianBlur(canvas.ink, (0, 0), blur_px), np.float32)
    assert texts(client.read(picture_of(canvas))) == ["47", "40265"]
