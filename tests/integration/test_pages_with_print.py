"""Pages on which more is printed than written: what is printed is left out, what is written is read."""

import cv2
import numpy as np
from composed_pages.canvas import FONTS, Canvas
from digitserve_client import DigitClient
from PIL import Image, ImageDraw, ImageFont
from written_sheets import picture_of, texts, write


def test_a_fine_pencil_beside_bold_print_is_read(client: DigitClient) -> None:
    canvas, pencil = Canvas(220, 700), Canvas(220, 700)
    write(canvas, "1470352869", 60, 30, 60)
    write(pencil, "470352", 60, 120, 60)
    canvas.ink = np.asarray(cv2.dilate(canvas.ink, np.ones((5, 5), np.uint8)), np.float32)
    pencil.ink = np.asarray(cv2.erode(pencil.ink, np.ones((3, 3), np.uint8)), np.float32)
    canvas.ink = np.maximum(canvas.ink, pencil.ink * np.float32(0.42))
    assert texts(client.read(picture_of(canvas))) == ["1470352869", "470352"]


def test_text_and_blank_paper_are_no_digits(client: DigitClient) -> None:
    canvas = Canvas(500, 900)
    for row, font in enumerate(FONTS):
        canvas.text("Please return the form to the office", (40, 80 + 100 * row), 30, font, 200)
    assert texts(client.read(picture_of(canvas))) == []
    assert texts(client.read(np.full((600, 500), 240, np.uint8))) == []


def test_combs_far_higher_than_the_print_beside_them(client: DigitClient) -> None:
    canvas = Canvas(500, 900)
    for row in range(4):
        canvas.text("Name and number of the account:", (20, 30 + 24 * row), 15, FONTS[0], 200)
    canvas.line((300, 460), (650, 460), 5, 150)
    for x in range(300, 651, 70):
        canvas.line((x, 350), (x, 460), 5, 150)
    for place, digit in enumerate("90265"):
        write(canvas, digit, 312 + 70 * place, 381)
    assert texts(client.read(picture_of(canvas))) == ["90265"]


def test_numbers_on_lines_among_much_print(client: DigitClient) -> None:
    canvas = Canvas(520, 900)
    for row, text in enumerate(("1470", "2038", "90265")):
        top = 60 + 150 * row
        for line in range(2):
            canvas.text("Reading of the meter, in full", (20, top + 10 + 24 * line), 15, FONTS[0], 200)
        write(canvas, text, 480, top)
        canvas.line((400, top + 50), (880, top + 50), 4, 190)
    assert texts(client.read(picture_of(canvas))) == ["1470", "2038", "90265"]


def test_printed_digits_far_lower_than_the_written_ones_are_left_out(client: DigitClient) -> None:
    canvas = Canvas(260, 700)
    write(canvas, "1470352869", 60, 60)
    canvas.text("Form 2026 18 347", (80, 200), 21, FONTS[0], 200)
    assert texts(client.read(picture_of(canvas))) == ["1470352869"]


def test_a_marker_five_times_as_high_as_the_print_on_a_label(client: DigitClient) -> None:
    canvas = Canvas(760, 900)
    for row in range(9):
        canvas.text("Fragile, keep upright 12.90 kg", (40, 40 + 36 * row), 28, FONTS[0], 200)
    write(canvas, "4827", 60, 420, 130, height=110)
    write(canvas, "95", 300, 600, 130, height=110)
    assert texts(client.read(picture_of(canvas))) == ["4827", "95"]


def test_the_bracket_of_the_word_before_a_number_is_no_one(client: DigitClient) -> None:
    canvas = Canvas(200, 800)
    end = canvas.text("born on (DDMM)", (40, 95), 24, FONTS[1], 220)
    write(canvas, "47038", end + 30, 54)
    assert texts(client.read(picture_of(canvas))) == ["47038"]


def test_words_of_round_letters_and_stems_are_not_cut_into_digits(client: DigitClient) -> None:
    canvas = Canvas(300, 900)
    write(canvas, "1470", 60, 60)
    write(canvas, "3528", 60, 180)
    sheet = Image.fromarray(picture_of(canvas))
    ImageDraw.Draw(sheet).text((480, 180), "long solid lid", fill=40, font=ImageFont.load_default(40))
    assert texts(client.read(sheet)) == ["1470", "3528"]


def test_a_number_written_amidst_a_printed_sentence_is_read(client: DigitClient) -> None:
    canvas = Canvas(220, 1300)
    write(canvas, "59", 500, 80)
    sheet = Image.fromarray(picture_of(canvas))
    for words, x in (("pallets of paper", 60), ("received in good order", 660)):
        ImageDraw.Draw(sheet).text((x, 85), words, fill=40, font=ImageFont.load_default(46))
    assert texts(client.read(sheet)) == ["59"]
