"""The answers as values."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from digitserve_client import Classification, Classifications
from digitserve_client.findings import PictureWarning

CUT = (PictureWarning.CUT_OFF,)


def answers(count: int = 5, version: str = "1", *, probabilities: bool = True) -> Classifications:
    warnings = np.empty(count, np.object_)
    warnings[:] = [CUT] + [()] * (count - 1)
    return Classifications(
        digits=np.arange(count, dtype=np.uint8),
        labels=np.arange(count).astype(str),
        confidences=np.linspace(0.5, 1, count, dtype=np.float32),
        needs_review=np.arange(count) == 0,
        probabilities=np.eye(count, 10, dtype=np.float32) if probabilities else None,
        model_names=np.broadcast_to(np.array("digits"), count),
        model_versions=np.broadcast_to(np.array(version), count),
        warnings=warnings,
    )


def test_an_index_gives_plain_python_values() -> None:
    assert answers()[1] == Classification(
        digit=1,
        label="1",
        confidence=0.625,
        probabilities=(0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        needs_review=False,
        model_name="digits",
        model_version="1",
    )
    assert type(answers()[1].digit) is int
    assert hash(answers()[1])


def test_it_is_a_sequence() -> None:
    all_of_them = answers()
    assert [each.digit for each in all_of_them] == [0, 1, 2, 3, 4]
    assert all_of_them[-1].digit == 4
    assert all_of_them[3] in all_of_them
    with pytest.raises(IndexError):
        all_of_them[5]


def test_a_slice_is_a_view() -> None:
    all_of_them = answers()
    some = all_of_them[1:3]
    assert isinstance(some, Classifications)
    assert [each.digit for each in some] == [1, 2]
    assert np.shares_memory(some.confidences, all_of_them.confidences)


@pytest.mark.parametrize("column", [field.name for field in dataclasses.fields(Classifications)])
@pytest.mark.parametrize("of", [answers(), Classifications.join([answers(), answers()])], ids=["one", "two"])
def test_columns_cannot_be_changed(column: str, of: Classifications) -> None:
    values: Any = getattr(of, column)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = values[1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(answers(), column, values)


def test_joined_answers_tell_who_gave_each() -> None:
    joined = Classifications.join([answers(2, "1"), answers(3, "2")])
    assert joined.model_versions.tolist() == ["1", "1", "2", "2", "2"]
    assert [each.model_version for each in joined] == ["1", "1", "2", "2", "2"]
    assert repr(joined) == "<Classifications of 5 images by digits/1, digits/2, 2 to review>"


@pytest.mark.parametrize("probabilities", [True, False])
def test_row_by_row_is_the_same_as_by_index(probabilities: bool) -> None:
    parts = [answers(100, str(version), probabilities=probabilities) for version in range(30)]
    joined = Classifications.join(parts)
    rows = list(joined)
    assert rows == [joined[index] for index in range(len(joined))]
    assert [row.model_version for row in rows[::100]] == [str(version) for version in range(30)]
    assert type(rows[0].confidence) is float
    with pytest.raises(dataclasses.FrozenInstanceError):
        rows[0].digit = 7  # type: ignore[misc]  # that is the point


def test_without_probabilities_there_are_none() -> None:
    joined = Classifications.join([answers(probabilities=False), answers(probabilities=False)])
    assert joined.probabilities is None
    assert joined[0].probabilities is None


def test_one_answer_reads_as_a_line() -> None:
    assert str(answers()[0]) == "0 (50.0%, needs review, cut off at the border)"
    assert str(answers()[4]) == "4 (>99.9%)"
    assert "probabilities" not in repr(answers()[0])


def test_warnings_are_those_of_the_row() -> None:
    joined = Classifications.join([answers(2), answers(3)])
    assert [each.warnings for each in joined] == [CUT, (), CUT, (), ()]
    assert joined[2].warnings == ("cut_off",), "they are strings"
