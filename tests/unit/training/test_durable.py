from pathlib import Path

import numpy as np
import pytest
from digitserve_training import durable


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "state"
    for content in (b"first", b"second"):
        durable.write(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state"
    durable.write(file, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.write(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    durable.write_array(tmp_path / "views.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "views.npy"), array)
    assert [file.name for file in tmp_path.iterdir()] == ["views.npy"]
