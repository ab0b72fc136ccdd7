from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec
import pytest
from digitserve_serving.rollout import FILE, Rollout, change_rollout, read_rollout


def test_wishes_are_kept_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert read_rollout(tmp_path) == Rollout()
    wishes = Rollout(
        default="2", previous="1", labels={"stable": "1"}, loaded=("3",), unloaded=("4",), off=True
    )
    change_rollout(tmp_path, lambda before: wishes)
    assert read_rollout(tmp_path) == wishes
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o644


def loading(version: int, before: Rollout) -> Rollout:
    return msgspec.structs.replace(before, loaded=(*before.loaded, str(version)))


def test_who_changes_at_the_same_time_loses_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: change_rollout(tmp_path, partial(loading, version)), range(1, 41)))
    assert sorted(map(int, read_rollout(tmp_path).loaded)) == list(range(1, 41))


@pytest.mark.parametrize("content", ["{", '{"defualt": "2"}', '{"default": 2}', '{"labels": {"2b": "2"}}'])
def test_what_is_no_wish_is_refused_and_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=r"truncated|defualt|default|labels"):
        change_rollout(tmp_path, lambda before: before)
    assert (tmp_path / FILE).read_text() == content


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError, match="directory"):
        change_rollout(tmp_path, lambda before: before)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
