"""Sheets of paper on a desk, as a telephone sees them, read with the bundled model."""

import cv2
import numpy as np
import pytest
from composed_pages.canvas import Canvas
from digitserve_client import DigitClient
from written_sheets import Grey, boxes_follow, numbered_sheet, picture_of, texts, write

WHOLE = [(110, 70), (900, 100), (880, 480), (90, 440)]
SHEET = numbered_sheet()


def test_a_sheet_on_a_desk_is_read_as_from_above(client: DigitClient) -> None:
    seen = np.array([[150, 130], [900, 60], [1050, 600], [40, 520]], np.float32)
    flat = np.array([[0, 0], [900, 0], [900, 400], [0, 400]], np.float32)
    there = cv2.getPerspectiveTransform(flat, seen)
    photo = cv2.warpPerspective(picture_of(SHEET), there, (1100, 700), borderValue=(60,))
    page = client.read(np.asarray(photo, np.uint8))
    assert texts(page) == ["1470", "38", "90265"]
    boxes_follow(page, SHEET, there, near_px=8)


def on_a_desk(sheet: Grey, corners: list[tuple[int, int]], shadow: float = 1.0, desk: int = 70) -> Grey:
    """The sheet with its corners there, clockwise from the upper left, on a desk of 1000x560 px.

    The shadow, of so much of the light, falls over the lower left, and has an edge.
    """
    random = np.random.default_rng(4)
    grain = cv2.resize(random.normal(0, 12, (140, 10)).astype(np.float32), (1000, 560))
    height, width = sheet.shape
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = cv2.getPerspectiveTransform(outline, np.array(corners, np.float32))
    paper = cv2.warpPerspective(np.ones(sheet.shape, np.float32), there, (1000, 560), flags=cv2.INTER_LINEAR)
    seen = cv2.warpPerspective(sheet.astype(np.float32), there, (1000, 560), flags=cv2.INTER_LINEAR)
    y, x = np.mgrid[:560, :1000]
    light = shadow + (1 - shadow) / (1 + np.exp((y * 1.2 - x + 150) / 6))
    picture = (seen + (1 - paper) * (desk + grain)) * light + random.normal(0, 2, (560, 1000))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@pytest.mark.parametrize("desk", [40, 110])
def test_a_shadow_across_a_sheet_is_not_its_edge(client: DigitClient, desk: int) -> None:
    picture = on_a_desk(picture_of(SHEET), WHOLE, shadow=0.55, desk=desk)
    assert texts(client.read(picture)) == ["1470", "38", "90265"]


@pytest.mark.parametrize(
    ("corners", "x"),
    [
        ([(-180, 60), (700, 90), (690, 480), (-160, 450)], 340),
        ([(400, 70), (1190, 110), (1180, 500), (390, 440)], 100),
    ],
    ids=["left", "right"],
)
def test_a_sheet_partly_outside_of_the_picture(
    client: DigitClient, corners: list[tuple[int, int]], x: int
) -> None:
    canvas = Canvas(400, 900)
    write(canvas, "1470", x, 140)
    write(canvas, "38", x + 40, 240)
    assert texts(client.read(on_a_desk(picture_of(canvas), corners, desk=40))) == ["1470", "38"]


def test_a_small_sheet_on_a_desk(client: DigitClient) -> None:
    canvas = Canvas(200, 300)
    write(canvas, "1470", 50, 70)
    picture = on_a_desk(picture_of(canvas), [(300, 150), (620, 170), (610, 380), (290, 360)])
    assert texts(client.read(picture)) == ["1470"]


def test_white_fields_of_a_coloured_form_are_no_sheets(client: DigitClient) -> None:
    canvas = Canvas(420, 900)
    fields = np.zeros_like(canvas.ink)
    for left, top, text in ((60, 20, "1470"), (400, 150, "38"), (120, 280, "26")):
        cv2.rectangle(fields, (left, top), (left + 420, top + 110), 1, -1)
        write(canvas, text, left + 80, top + 30)
    picture = (picture_of(canvas) * (0.7 + 0.3 * fields)).astype(np.uint8)
    assert texts(client.read(picture)) == ["1470", "38", "26"]
