from string import ascii_letters

import numpy as np
import pytest
from digitserve_training.data import LabelledImages
from digitserve_training.golden import golden_images
from digitserve_training.report.measures import Answers
from digitserve_training.report.samples import Samples
from digitserve_training.report.stranger_measures import StrangerAnswers, measure_strangers
from digitserve_training.report.strangers import Stranger, strangers
from digitserve_training.report.typefaces import typefaces


@pytest.fixture(scope="module")
def drawn() -> list[Stranger]:
    return strangers(golden_images(), each=6, faces=typefaces()[:2])


def test_each_kind_is_drawn(drawn: list[Stranger]) -> None:
    kinds = {stranger.kind for stranger in drawn}
    assert kinds == {
        *("blank paper", "noise", "letters", "signs", "shapes", "two digits", "scribbles", "raw pixels")
    }
    assert {(s.image.shape, s.image.dtype.name) for s in drawn if s.image is not None} == {
        ((28, 28), "uint8")
    }


def test_the_client_refuses_blank_paper_and_takes_what_has_ink(drawn: list[Stranger]) -> None:
    refused = {stranger.kind for stranger in drawn if stranger.image is None}
    assert "blank paper" in refused
    assert refused <= {"blank paper", "noise"}
    assert not any(stranger.image is not None for stranger in drawn if stranger.kind == "blank paper")


def test_they_are_the_same_each_time(drawn: list[Stranger]) -> None:
    again = strangers(golden_images(), each=6, faces=typefaces()[:2])
    assert [s.name for s in again] == [s.name for s in drawn]
    for one, other in zip(drawn, again, strict=True):
        assert (one.image is None) == (other.image is None)
        assert one.image is None or one.image.tolist() == np.asarray(other.image).tolist()


def test_what_looks_like_a_digit_is_marked(drawn: list[Stranger]) -> None:
    alike = {s.name.partition(" ")[0] for s in drawn if s.like_a_digit}
    assert {"O", "o", "l", "I", "Z", "S", "line"} <= alike
    assert not alike & {"A", "a", "M", "k", "square", "cross", "#"}


def test_letters_come_in_each_face(drawn: list[Stranger]) -> None:
    letters = [s.name.partition(" ")[0] for s in drawn if s.kind == "letters"]
    assert sorted(letters) == sorted(ascii_letters * len(typefaces()[:2]))


def test_there_are_faces_and_not_too_many() -> None:
    assert 1 <= len(typefaces()) <= 8


def test_figures_of_hand_made_scores() -> None:
    blank = np.zeros((28, 28), np.uint8)
    samples = Samples("ten", LabelledImages(np.stack([blank] * 4), np.zeros(4, np.uint8)))
    # Confidences of the digits: 0.95, 0.97, 0.99 and 0.6.
    confidences = np.array([0.95, 0.97, 0.99, 0.6])
    digits = Answers(samples, np.stack([confidences, 1 - confidences], axis=1))
    met = [
        Stranger("letters", "A Sans", blank),
        Stranger("letters", "O Sans", blank, like_a_digit=True),
        Stranger("noise", "grain", None),
    ]
    scores = np.array([0.7, 0.96, 0.0])
    found = measure_strangers(StrangerAnswers(met, scores, np.zeros(3, np.intp), digits, threshold=0.9))
    assert found.digits_flagged.share == 0.25
    kinds = {one.kind: one for one in found.kinds}
    assert kinds["letters"].flagged.share == 0.5
    # Of eight pairs of a letter and a digit, the digit is surer in five: three above 0.7, two above 0.96.
    assert kinds["letters"].roc_area == 5 / 8
    assert kinds["letters unlike digits"].roc_area == 3 / 4
    assert (kinds["noise"].refused, kinds["noise"].roc_area) == (1, 1)
    assert kinds["all kinds"].images == 3
    assert found.typefaces == ["Sans"]
