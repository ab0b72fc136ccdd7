import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from digitserve_training import cli
from digitserve_training.config import Recipe, recipe
from digitserve_training.run import Run
from digitserve_training.settings import Settings
from recipes import configured


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that the command line made, instead of a training."""
    made: list[Settings] = []

    def train(settings: Settings) -> Path:
        made.append(settings)
        return settings.models / settings.name / "1"

    monkeypatch.setattr(cli, "_train", train)
    monkeypatch.delenv("DIGITSERVE_MNIST", raising=False)
    monkeypatch.delenv("DIGITSERVE_MODELS", raising=False)
    return made


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.main, arguments, env=environment)


@pytest.mark.parametrize("command", [["--help"], ["evaluate", "--help"]])
def test_help_does_not_wait_for_tensorflow(command: list[str]) -> None:
    code = f"import sys; from digitserve_training.cli import main; main({command}, standalone_mode=False); "
    code += "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'onnxruntime')))"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_the_help_names_presets_flags_and_environment() -> None:
    shown = " ".join(invoke("--help").stdout.split())
    for fact in (
        "champion, cnn, cnn-fast, mlp",
        "DIGITSERVE_MNIST",
        "DIGITSERVE_MODELS",
        "--resume",
        "evaluate",
    ):
        assert fact in shown


def test_without_flags_it_makes_the_bundled_model(chosen: list[Settings]) -> None:
    result = invoke()
    assert chosen == [Settings()]
    assert chosen[0].recipe == recipe()
    assert result.stdout == "models/digits/1\n"


def test_each_layer_of_settings_lies_over_the_one_before(chosen: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "cnn"\nepochs = 4\nseed = 4\nbatch_size = 4\nmin_accuracy = 0.4\n')
    invoke("--config", str(file), "--quick", "--epochs", "5", "--seed", "5", "--set", "seed=6")
    [settings] = chosen
    assert settings.recipe.name == "mine"
    config = settings.recipe.config
    assert (config.batch_size, config.min_accuracy, config.epochs, config.seed) == (4, 0.9, 5, 6)
    assert (config.data.fit_images, config.data.epoch_images) == (10_000, 10_000)


def test_every_flag_finds_its_place(chosen: list[Settings], tmp_path: Path) -> None:
    flags = {
        "--batch-size": "64",
        "--learning-rate": "0.5",
        "--min-accuracy": "0.5",
        "--data": "some place.npz",
    }
    places = {"--models": "m", "--name": "letters", "--runs": "r", "--threads": "2", "--preset": "mlp"}
    invoke(*(part for pair in (flags | places).items() for part in pair))
    config = configured(
        *("batch_size=64", "optimizer.learning_rate=0.5", "min_accuracy=0.5", "data.source=some place.npz"),
        preset="mlp",
    )
    assert chosen == [
        Settings(recipe=Recipe("mlp", config), models=Path("m"), name="letters", runs=Path("r"), threads=2)
    ]


def test_the_environment_names_data_and_models(chosen: list[Settings], tmp_path: Path) -> None:
    invoke(DIGITSERVE_MNIST="/d/m.npz", DIGITSERVE_MODELS="/m")
    invoke("--data", "other.npz", DIGITSERVE_MNIST="/d/m.npz")
    (tmp_path / "mine.toml").write_text('preset = "cnn"\ndata.source = "mine.npz"\n')
    invoke("--config", str(tmp_path / "mine.toml"), DIGITSERVE_MNIST="/d/m.npz")
    assert [settings.recipe.config.data.source for settings in chosen] == [
        "/d/m.npz",
        "other.npz",
        "mine.npz",
    ]
    assert chosen[0].models == Path("/m")


@pytest.mark.parametrize(
    "name", ["2024", "true", "2024-05-01", 'a "b" \\ c', "\N{PENCIL}\N{GRINNING FACE}.npz"]
)
def test_data_of_any_name_are_text(chosen: list[Settings], name: str) -> None:
    invoke("--data", name)
    assert chosen[0].recipe.config.data.source == name


def test_text_of_any_letters_can_be_set(chosen: list[Settings]) -> None:
    invoke("--set", "description=\N{GRINNING FACE}")
    assert chosen[0].recipe.config.description == "\N{GRINNING FACE}"


def test_a_run_goes_on_as_it_began(chosen: list[Settings], tmp_path: Path) -> None:
    run = Run.create(
        Settings(recipe=Recipe("mine", configured("seed=9")), runs=tmp_path, models=tmp_path / "m")
    )
    invoke("--resume", str(run.folder), DIGITSERVE_MNIST="/d/m.npz", DIGITSERVE_MODELS="/elsewhere")
    assert chosen == [Settings.of_run(run.folder)]
    assert chosen[0].models == tmp_path / "m"
    refused = invoke("--resume", str(run.folder), "--epochs", "3")
    assert refused.exit_code == 2
    assert "all settings from the run, except for --min-accuracy; not with --epochs" in refused.stderr


def test_a_run_that_was_not_good_enough_can_be_accepted(chosen: list[Settings], tmp_path: Path) -> None:
    run = Run.create(Settings(recipe=Recipe("mine", configured("seed=9")), runs=tmp_path))
    invoke("--resume", str(run.folder), "--min-accuracy", "0.5")
    [settings] = chosen
    assert settings.recipe.config == configured("seed=9", "min_accuracy=0.5")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs", "0"], "--epochs 0: epochs is 0; wanted a whole number, 1 or more, at most 1e+09"),
        (
            ["--epochs", "many"],
            "--epochs many: epochs is 'many'; wanted a whole number, 1 or more, at most 1e+09",
        ),
        (["--name", "My Model"], "name is 'My Model'; wanted lower case letters, digits, -"),
        (["--threads", "0"], "threads is 0; wanted 1 or more"),
        (
            ["--learning-rate", "nan"],
            "--learning-rate nan: optimizer.learning_rate is nan; wanted a number, above 0, at most 1e+38",
        ),
        (
            ["--min-accuracy", "99"],
            "--min-accuracy 99: min_accuracy is 99; wanted a number, 0 or more, at most 1",
        ),
        (["--seed", "-1"], "--seed -1: seed is -1; wanted a whole number, 0 or more, at most 2.14748e+09"),
        (["--set", "sed=1"], "--set sed=1: sed is not known; wanted one of description, seed, epochs,"),
        (["--preset", "mpl"], "--preset: preset is 'mpl'; wanted one of champion, cnn, cnn-fast, mlp,"),
        (["--config", "none.toml"], "none.toml: No such file or directory; wanted a TOML file"),
        (["--resume", "none"], "run none: no config.toml and job.toml there; wanted the folder of a run"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    chosen: list[Settings], flags: list[str], message: str
) -> None:
    result = invoke(*flags)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: {message}")
    assert not chosen


def test_bad_data_is_one_line_and_nothing_on_stdout(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from digitserve_training.cli import main; main()"]
    result = subprocess.run(
        [*command, "--data", str(tmp_path / "none.npz"), "--models", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: {tmp_path}/none.npz: no such file or folder; wanted")
