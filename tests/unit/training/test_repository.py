import json
import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from digitserve_training import durable, repository
from digitserve_training.errors import OtherLabels, RepositoryError
from digitserve_training.repository import check_labels, check_writable, next_version, publish


def contents(version: int) -> Mapping[str, bytes]:
    return {"model.onnx": b"graph", "manifest.json": str(version).encode()}


@pytest.mark.parametrize(
    ("names", "version"),
    [
        ([], 1),
        (["1"], 2),
        (["1", "3"], 4),
        (["9", "10"], 11),
        (["2", "latest", ".tmp-9", "7b", "-5", "³"], 3),
        (["007"], 8),
    ],
)
def test_the_next_number_is_one_above_the_highest(tmp_path: Path, names: list[str], version: int) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == version


def test_a_repository_that_is_not_there_starts_at_1(tmp_path: Path) -> None:
    assert next_version(tmp_path / "digits") == 1


def test_a_version_holds_its_files_and_nothing_else_is_left(tmp_path: Path) -> None:
    home = tmp_path / "models" / "digits"
    assert publish(home, contents) == home / "1"
    assert publish(home, contents) == home / "2"
    assert sorted(path.name for path in home.iterdir()) == ["1", "2"]
    assert (home / "2" / "manifest.json").read_bytes() == b"2"
    assert (home / "2" / "model.onnx").read_bytes() == b"graph"


def test_other_users_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = publish(tmp_path / "digits", contents)
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, *folder.iterdir())
    }
    assert modes == {"digits": 0o755, "1": 0o755, "model.onnx": 0o644, "manifest.json": 0o644}


def test_a_crash_while_writing_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(file: Path, content: bytes) -> None:
        file.write_bytes(content[:2])
        if file.name == "manifest.json":
            raise KeyboardInterrupt

    monkeypatch.setattr(durable, "write_through", crash)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, contents)
    assert list(tmp_path.iterdir()) == []


def test_until_the_rename_the_version_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def look(temporary: Path, final: Path) -> bool:
        assert sorted(path.name for path in temporary.iterdir()) == ["manifest.json", "model.onnx"]
        seen.append([path.name for path in final.parent.iterdir() if not path.name.startswith(".tmp-")])
        temporary.rename(final)
        return True

    monkeypatch.setattr(repository, "_rename", look)
    publish(tmp_path, contents)
    assert seen == [[]]


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(file), None, len(content))

    monkeypatch.setattr(durable, "write_through", full)
    with pytest.raises(RepositoryError, match=r"cannot write a model version to .*: No space left on device"):
        publish(tmp_path, contents)
    assert list(tmp_path.iterdir()) == []


def test_who_comes_second_takes_the_next_number(tmp_path: Path) -> None:
    def overtaken(version: int) -> Mapping[str, bytes]:
        if version == 1:
            publish(tmp_path, contents)
        return {"manifest.json": f"second, {version}".encode()}

    assert publish(tmp_path, overtaken) == tmp_path / "2"
    assert (tmp_path / "1" / "manifest.json").read_bytes() == b"1"
    assert (tmp_path / "2" / "manifest.json").read_bytes() == b"second, 2"


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: publish(tmp_path, contents), range(16)))
    assert sorted(int(folder.name) for folder in folders) == list(range(1, 17))
    assert all((folder / "manifest.json").read_bytes() == folder.name.encode() for folder in folders)


def test_a_file_in_the_way_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(RepositoryError, match="models is not a folder"):
        check_writable(tmp_path / "models" / "digits")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(RepositoryError, match="no permission"):
        check_writable(tmp_path / "digits")


def reading(*labels: str) -> Mapping[str, bytes]:
    return {"manifest.json": json.dumps({"labels": labels}).encode()}


def test_other_labels_than_the_newest_versions_are_refused(tmp_path: Path) -> None:
    publish(tmp_path, lambda _: reading("A", "B"))
    publish(tmp_path, lambda _: reading("0", "1"))
    check_labels(tmp_path, ("0", "1"))
    with pytest.raises(OtherLabels, match=r"/2 reads 0, 1, and the data are of A, B: .* --name letters, or"):
        check_labels(tmp_path, ("A", "B"))


@pytest.mark.parametrize("broken", [b"{", b"[]", b"{}", b'{"labels": 3}', None])
def test_a_version_that_no_server_can_load_is_passed_over(tmp_path: Path, broken: bytes | None) -> None:
    check_labels(tmp_path / "nowhere", ("A",))
    publish(tmp_path, lambda _: reading("0", "1"))
    publish(tmp_path, lambda _: {} if broken is None else {"manifest.json": broken})
    check_labels(tmp_path, ("0", "1"))
    with pytest.raises(OtherLabels, match="/1 reads 0, 1"):
        check_labels(tmp_path, ("A", "B"))
