"""Whole pages through both clients, read with the bundled model."""

import io

import cv2
import numpy as np
import pytest
from composed_pages.canvas import Canvas
from composed_pages.closeup import compose_close_up
from composed_pages.grades import CLOSE_UP, EASY, HARD, MEDIUM, PHOTO, Grade
from composed_pages.page import compose
from composed_pages.score import Score
from digitserve_client import AsyncDigitClient, DigitClient, UnreadablePicture
from PIL import Image
from written_sheets import DIGITS, box, boxes_follow, numbered_sheet, picture_of, texts, write


@pytest.fixture(scope="module")
def sheet() -> Canvas:
    return numbered_sheet()


def test_strings_come_in_reading_order(client: DigitClient, sheet: Canvas) -> None:
    page = client.read(picture_of(sheet))
    assert texts(page) == ["1470", "38", "90265"]
    assert (page.model_name, page.model_version) == ("digits", "2")
    assert (page.width_px, page.height_px) == (900, 400)
    for string in page.strings:
        assert string.confidence == pytest.approx(np.prod([digit.confidence for digit in string.digits]))
        assert string.needs_review == any(digit.needs_review for digit in string.digits)


def test_boxes_lie_around_the_ink(client: DigitClient, sheet: Canvas) -> None:
    page = client.read(picture_of(sheet))
    for digit, written in zip(page.digits, sheet.written, strict=True):
        x, y, width, height = digit.box.bounds
        assert (x, y) == pytest.approx(written.quad[0], abs=4)
        assert (x + width, y + height) == pytest.approx(written.quad[2], abs=4)


@pytest.mark.parametrize("degrees", [-15, -7, 4, 11, 15])
def test_a_tilted_page_reads_the_same(client: DigitClient, sheet: Canvas, degrees: int) -> None:
    turn = cv2.getRotationMatrix2D((450, 200), degrees, 0.8)
    turned = cv2.warpAffine(picture_of(sheet), turn, (900, 400), borderValue=(250,))
    page = client.read(np.asarray(turned, np.uint8))
    assert texts(page) == ["1470", "38", "90265"]
    boxes_follow(page, sheet, np.vstack([turn, [0, 0, 1]]), near_px=6)


def test_light_on_dark_and_shade_read_the_same(client: DigitClient, sheet: Canvas) -> None:
    picture = picture_of(sheet)
    shade = np.linspace(1, 0.35, 900)
    assert texts(client.read(255 - picture)) == ["1470", "38", "90265"]
    assert texts(client.read((picture * shade).astype(np.uint8))) == ["1470", "38", "90265"]


def test_boxes_refer_to_the_picture_as_it_is_seen(client: DigitClient, sheet: Canvas) -> None:
    upright, stream = Image.fromarray(picture_of(sheet)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the stored picture lies on its side
    upright.transpose(Image.Transpose.ROTATE_90).save(stream, "JPEG", quality=95, exif=exif)
    page = client.read(stream.getvalue())
    assert (page.width_px, page.height_px) == (900, 400)
    assert next(page.digits).box.bounds[:2] == pytest.approx(sheet.written[0].quad[0], abs=4)


def test_large_pictures_keep_their_coordinates(client: DigitClient, sheet: Canvas) -> None:
    large = cv2.resize(picture_of(sheet), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    page = client.read(np.asarray(large, np.uint8))
    assert texts(page) == ["1470", "38", "90265"]
    assert next(page.digits).box.bounds[:2] == pytest.approx(4 * sheet.written[0].quad[0], abs=16)


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


@pytest.mark.parametrize("x", [84, 340])
def test_rows_that_a_line_links_are_two(client: DigitClient, x: int) -> None:
    canvas = Canvas(220, 520)
    write(canvas, "4702", 120, 40)
    write(canvas, "6318", 120, 96)
    canvas.line((x, 52), (x, 132), 4, 210)
    assert texts(client.read(picture_of(canvas))) == ["4702", "6318"]


def test_a_pen_on_pale_squared_paper_is_read(client: DigitClient) -> None:
    canvas = Canvas(300, 700)
    write(canvas, "1470352869", 60, 50)
    write(canvas, "206853", 80, 190)
    for place in range(10, 700, 34):
        canvas.line((place, 0), (place, 300), 1, 50)
        canvas.line((0, place), (700, place), 1, 50)
    assert texts(client.read(picture_of(canvas))) == ["1470352869", "206853"]


def test_slashes_between_digits_are_no_ones(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    for place, text in enumerate(("24", "11", "26")):
        write(canvas, text, 60 + 130 * place, 60)
    for x in (166, 296):
        canvas.line((x, 118), (x + 18, 50), 4, 220)
    assert "".join(texts(client.read(picture_of(canvas)))) == "241126"


def test_a_comma_is_no_stroke_of_the_digit_before_it(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    write(canvas, "24", 60, 60)
    canvas.line((151, 102), (147, 114), 4, 220)
    write(canvas, "70", 170, 60)
    page = client.read(picture_of(canvas))
    assert texts(page) == ["2470"]
    assert max(y for digit in page.digits for _, y in digit.box.corners) == pytest.approx(108, abs=3)


def test_a_bold_one_on_the_side_of_a_pale_box_is_read(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    for place in range(4):
        cv2.rectangle(canvas.ink, (60 + 80 * place, 50), (140 + 80 * place, 126), 90, 2)
    write(canvas, "7", 85, 66)
    canvas.line((141, 66), (143, 114), 6, 220)
    write(canvas, "03", 245, 66, 80)
    assert "".join(texts(client.read(picture_of(canvas)))) == "7103"


def test_a_blot_between_digits_is_one_to_review(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    write(canvas, "24", 60, 60)
    cv2.rectangle(canvas.ink, (168, 62), (204, 106), 220, -1)
    write(canvas, "70", 220, 60)
    (string,) = client.read(picture_of(canvas)).strings
    assert string.text[:2] + string.text[3:] == "2470"
    assert string.digits[2].needs_review


def cut_up(digit: str) -> Canvas:
    """The digit between 47 and 41, two strips of it gone."""
    canvas = Canvas(200, 500)
    write(canvas, f"47{digit}", 60, 60, 44)
    write(canvas, "41", 198, 60, 44)
    for y in (74, 90):
        canvas.ink[y : y + 3, 146:184] = 0
    return canvas


@pytest.mark.parametrize("digit", ["0", "2", "7", "8"])
def test_a_digit_in_many_pieces_is_one(client: DigitClient, digit: str) -> None:
    assert texts(client.read(picture_of(cut_up(digit)))) == [f"47{digit}41"]


@pytest.mark.parametrize("digit", ["3", "5", "6", "9"])
def test_a_digit_whose_pieces_hardly_show_it_is_one_to_review(client: DigitClient, digit: str) -> None:
    (string,) = client.read(picture_of(cut_up(digit))).strings
    assert string.text[:2] + string.text[3:] == "4741"
    assert string.digits[2].needs_review


@pytest.mark.parametrize("alone", [True, False])
def test_a_digit_in_two_halves_is_one(client: DigitClient, alone: bool) -> None:
    canvas = Canvas(260, 700)
    write(canvas, "1470352869", 60, 40)
    write(canvas, "5", 330, 150)
    canvas.ink[171:176, 300:400] = 0
    if not alone:
        write(canvas, "47", 220, 150)
        write(canvas, "41", 380, 150)
    assert texts(client.read(picture_of(canvas))) == ["1470352869", "5" if alone else "47541"]


def test_the_long_flag_of_a_five_may_stand_apart(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    write(canvas, "47", 60, 60)
    write(canvas, "5", 160, 60)
    canvas.ink[58:66, 150:220] = 0
    canvas.line((172, 60), (222, 57), 6, 220)
    (string,) = client.read(picture_of(canvas)).strings
    assert string.text == "475"
    assert string.digits[2].box.bounds[2] == pytest.approx(68, abs=6)


def test_a_zero_far_flatter_than_the_digits_beside_it_is_one_of_them(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    write(canvas, "47", 60, 60)
    cv2.ellipse(canvas.ink, (190, 90), (19, 7), 0, 0, 360, 220, 4)
    write(canvas, "28", 230, 60)
    assert texts(client.read(picture_of(canvas))) == ["47028"]


def test_a_low_five_and_its_flag_are_as_high_as_a_digit_together(client: DigitClient) -> None:
    canvas = Canvas(200, 500)
    write(canvas, "47", 60, 60)
    body = [(186, 90), (178, 90), (177, 95), (188, 97), (190, 102), (184, 106), (174, 105)]
    cv2.polylines(canvas.ink, [np.array(body)], isClosed=False, color=220, thickness=4)
    cv2.line(canvas.ink, (189, 83), (209, 82), 220, 3)
    write(canvas, "28", 240, 60)
    assert "".join(texts(client.read(picture_of(canvas)))) == "47528"


@pytest.mark.parametrize(("grade", "least"), [(EASY, 0.98), (MEDIUM, 0.9), (HARD, 0.9), (PHOTO, 0.85)])
def test_composed_pages(client: DigitClient, grade: Grade, least: float) -> None:
    score = Score()
    for seed in (1, 2):
        composed = compose(grade, seed, DIGITS)
        score.add(client.read(composed.picture), composed.written)
    assert score.recall >= least
    assert score.precision >= least


def test_composed_close_ups(client: DigitClient) -> None:
    score = Score()
    for seed in range(12):
        composed = compose_close_up(CLOSE_UP, seed, DIGITS)
        score.add(client.read(composed.picture), composed.written)
    assert score.recall >= 0.9
    assert score.precision >= 0.9


@pytest.mark.parametrize("text", ["7", "171", "30624"])
@pytest.mark.parametrize("scale", [0.75, 4, 25])
def test_a_number_that_fills_its_picture_is_read(client: DigitClient, text: str, scale: float) -> None:
    canvas = Canvas(70, 20 + 50 * len(text))
    write(canvas, text, 10, 12)
    picture = cv2.resize(picture_of(canvas), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    page = client.read(np.asarray(picture, np.uint8))
    assert texts(page) == [text]
    for digit, written in zip(page.digits, canvas.written, strict=True):
        x, y, width, height = digit.box.bounds
        assert (x, y) == pytest.approx(written.quad[0] * scale, abs=4 * scale)
        assert (x + width, y + height) == pytest.approx(written.quad[2] * scale, abs=4 * scale)


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


def test_circles_around_numbers_are_no_zeros(client: DigitClient) -> None:
    canvas = Canvas(240, 800)
    for place, text in enumerate(("47", "3", "90", "2")):
        write(canvas, text, 70 + 180 * place, 90)
        if place % 2:
            cv2.ellipse(canvas.ink, (95 + 180 * place, 114), (52, 60), 0, 0, 360, 220.0, 4, cv2.LINE_AA)
    assert texts(client.read(picture_of(canvas))) == ["47", "3", "90", "2"]


def test_what_is_no_picture_is_refused(client: DigitClient) -> None:
    with pytest.raises(UnreadablePicture):
        client.read(b"no picture")


async def test_the_asyncio_client_reads_the_same(client: DigitClient, bundled: str, sheet: Canvas) -> None:
    async with AsyncDigitClient(bundled, timeout_s=60) as other:
        page = await other.read(picture_of(sheet))
    assert page == client.read(picture_of(sheet))
