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
from written_sheets import DIGITS, boxes_follow, numbered_sheet, picture_of, texts, write


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


@pytest.mark.parametrize("x", [84, 340])
def test_rows_that_a_line_links_are_two(client: DigitClient, x: int) -> None:
    canvas = Canvas(220, 520)
    write(canvas, "4702", 120, 40)
    write(canvas, "6318", 120, 96)
    canvas.line((x, 52), (x, 132), 4, 210)
    assert texts(client.read(picture_of(canvas))) == ["4702", "6318"]


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
