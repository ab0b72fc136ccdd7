import re
import resource
import tomllib
from pathlib import Path

import numpy as np
import pytest
from digitserve_training.config import Recipe
from digitserve_training.errors import RunError
from digitserve_training.run import Run
from digitserve_training.settings import Settings
from recipes import configured


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        recipe=Recipe("mine", configured("seed=7", "epochs=3")),
        runs=tmp_path / "runs",
        models=tmp_path / "models",
        name="letters",
        threads=2,
    )


def test_its_name_says_recipe_time_and_seed(settings: Settings) -> None:
    run = Run.create(settings)
    assert run.folder.parent == settings.runs
    assert re.fullmatch(r"mine-\d{8}T\d{6}Z-seed7", run.folder.name)


def test_two_of_the_same_second_are_two(settings: Settings) -> None:
    assert len({Run.create(settings).folder for _ in range(3)}) == 3
    assert len(list(settings.runs.iterdir())) == 3


def test_the_configuration_can_be_trained_by_again(settings: Settings) -> None:
    run = Run.create(settings)
    table = tomllib.loads((run.folder / "config.toml").read_text())
    assert (table["epochs"], table["optimizer"]["kind"], len(table["layers"])) == (3, "adam", 6)


def test_a_run_knows_how_it_began(settings: Settings) -> None:
    run = Run.create(settings)
    again = Settings.of_run(run.folder)
    assert again.recipe == settings.recipe
    assert (again.models, again.name, again.threads) == (settings.models, "letters", 2)
    assert (again.runs, again.resume) == (settings.runs, run.folder)


def test_it_finds_its_files_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.npz").touch()
    config = configured(
        "data.source=digits.npz",
        "distillation.teachers=['digits.npz']",
        "looks=[{below=0.8, networks=['digits.npz']}]",
        "typefaces={files='fonts/**/*.ttf', share=0.1}",
    )
    run = Run.create(Settings(recipe=Recipe("mine", config)))
    found = Settings.of_run(tmp_path / run.folder)
    assert found.recipe.config.data.source == str(tmp_path / "digits.npz")
    assert found.recipe.config.teachers == (str(tmp_path / "digits.npz"),)
    assert found.recipe.config.lookers == (str(tmp_path / "digits.npz"),)
    assert found.recipe.config.typefaces
    assert found.recipe.config.typefaces.files == str(tmp_path / "fonts" / "**" / "*.ttf")
    assert found.models == tmp_path / "models"
    named = Run.create(Settings(recipe=Recipe("mine", configured("data.source=fashion-mnist"))))
    assert Settings.of_run(named.folder).recipe.config.data.source == "fashion-mnist"


def test_another_folder_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no config.toml and job.toml there; wanted the folder of a run"):
        Settings.of_run(tmp_path)


def test_a_finished_run_is_refused(settings: Settings) -> None:
    run = Run.create(settings)
    (run.folder / "manifest.json").touch()
    with pytest.raises(RunError, match="it is finished; wanted one that was stopped"):
        Settings.of_run(run.folder)


def test_other_data_are_refused(settings: Settings) -> None:
    run = Run.create(settings)
    with run.claimed("a" * 64):
        pass
    with run.claimed("a" * 64):
        pass
    with pytest.raises(RunError, match="the training images are others than before"), run.claimed("b" * 64):
        pass


def test_only_one_process_works_on_a_run(settings: Settings) -> None:
    run = Run.create(settings)
    with run.claimed("a"), pytest.raises(RunError, match="another process works on it"), run.claimed("a"):
        pass


def test_what_a_kill_has_left_half_written_is_removed(settings: Settings) -> None:
    run = Run.create(settings)
    half = run.folder / "checkpoints" / ".tmp-xyz"
    half.write_bytes(b"half")
    with run.claimed("a"):
        assert not half.exists()


def test_a_place_that_cannot_be_written_is_told(settings: Settings) -> None:
    settings.runs.write_text("a file")
    with pytest.raises(RunError, match="wanted a folder to write to"):
        Run.create(settings)


def test_a_disk_that_is_full_is_told(settings: Settings) -> None:
    run, images = Run.create(settings), np.zeros((10, 28, 28), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(RunError, match="wanted a folder to write to, with enough room"), run.claimed("a"):
            run.made_once("images", lambda: images)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with run.claimed("a"):
        assert run.made_once("images", lambda: images).shape == images.shape


def test_images_are_made_once(settings: Settings) -> None:
    run = Run.create(settings)
    first = run.made_once("outliers", lambda: np.ones((2, 28, 28), np.uint8))
    np.testing.assert_array_equal(run.made_once("outliers", lambda: np.zeros((2, 28, 28), np.uint8)), first)
