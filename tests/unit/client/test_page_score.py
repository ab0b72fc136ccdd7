"""The score of composed pages: what is counted as read, and how sure one can be of it."""

import numpy as np
import pytest
from composed_pages.canvas import Written
from composed_pages.score import Score
from digitserve_client.page import Corner, DigitString, Page, PageDigit, Quad

SIDE = 20.0


def test_a_digit_counts_as_right_at_its_own_place_only() -> None:
    score = Score()
    score.add(page((0, 1, 0.9), (3, 7, 0.8)), [written(0, 1), written(1, 7)])
    assert (score.recall, score.precision) == (0.5, 0.5)


def test_the_surest_digits_are_believed_as_long_as_enough_of_them_are_right() -> None:
    score = Score()
    # From the surest: right, wrong, right, right, wrong.
    read = [(0, 4, 0.99), (1, 5, 0.9), (2, 6, 0.8), (3, 7, 0.7), (4, 8, 0.6)]
    score.add(page(*read), [written(place, digit) for place, digit in enumerate((4, 0, 6, 7, 0))])
    assert score.recall_at(0.75) == 3 / 5
    assert score.recall_at(0.7) == 3 / 5
    assert score.recall_at(1.0) == 1 / 5


@pytest.mark.parametrize("read", [(), ((0, 9, 0.9),)])
def test_nothing_right_is_nothing_believed(read: tuple[tuple[int, int, float], ...]) -> None:
    score = Score()
    score.add(page(*read), [written(0, 4)])
    assert score.recall_at(0.99) == 0


def written(place: int, digit: int) -> Written:
    return Written(digit, np.array(corners(place), np.float32), string=0)


def page(*read: tuple[int, int, float]) -> Page:
    """One string of digits: place, digit and confidence of each."""
    digits = tuple(
        PageDigit(digit=digit, label=str(digit), confidence=confidence, needs_review=False, box=box(place))
        for place, digit, confidence in read
    )
    string = DigitString(text="", digits=digits, confidence=1.0, needs_review=False, box=box(0))
    strings = (string,) if digits else ()
    return Page(strings=strings, width_px=200, height_px=20, model_name="digits", model_version="2")


def box(place: int) -> Quad:
    return Quad(corners(place))


def corners(place: int) -> tuple[Corner, Corner, Corner, Corner]:
    left, right = 30 * place, 30 * place + SIDE
    return (left, 0.0), (right, 0.0), (right, SIDE), (left, SIDE)
