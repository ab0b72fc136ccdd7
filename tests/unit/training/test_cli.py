import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from digitserve_training import cli
from digitserve_training.errors import SettingsError
from digitserve_training.settings import Settings


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


def test_the_help_names_flags_defaults_and_environment_without_tensorflow() -> None:
    code = "import sys; from digitserve_training.cli import main; main(['--help'], standalone_mode=False); "
    code += "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'onnxruntime')))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for fact in ("DIGITSERVE_MNIST", "DIGITSERVE_MODELS", "--min-accuracy", "0.99; 0.9 with", "--quick"):
        assert fact in shown


def test_without_flags_it_makes_the_bundled_model(chosen: list[Settings]) -> None:
    result = CliRunner().invoke(cli.main, [])
    assert chosen == [Settings()]
    assert result.stdout == "models/digits/1\n"


def test_quick_gives_way_to_what_is_said(chosen: list[Settings]) -> None:
    CliRunner().invoke(cli.main, ["--quick", "--epochs", "7"])
    assert chosen == [Settings(epochs=7, fit_images=10_000, min_accuracy=0.9)]


def test_the_environment_names_data_and_models(chosen: list[Settings]) -> None:
    CliRunner().invoke(cli.main, [], env={"DIGITSERVE_MNIST": "/d/m.npz", "DIGITSERVE_MODELS": "/m"})
    assert chosen == [Settings(data=Path("/d/m.npz"), models=Path("/m"))]
    CliRunner().invoke(cli.main, ["--data", "other.npz"], env={"DIGITSERVE_MNIST": "/d/m.npz"})
    assert chosen[1].data == Path("other.npz")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs", "0"], "epochs is 0; wanted 1 or more"),
        (["--name", "My Model"], "name is 'My Model'; wanted lower case letters, digits, -"),
        (["--learning-rate", "nan"], "learning_rate is nan; wanted a number above 0"),
        (["--min-accuracy", "99"], "min_accuracy is 99.0; wanted 0 to 1"),
        (["--seed", "-1"], "seed is -1; wanted 0 to 2147483647"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    chosen: list[Settings], flags: list[str], message: str
) -> None:
    result = CliRunner().invoke(cli.main, flags)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {message}\n"
    assert not chosen


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(SettingsError, match="preset is 'huge'; wanted one of cnn"):
        Settings(preset="huge")


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
    assert line.startswith(f"Error: {tmp_path}/none.npz: No such file or directory; wanted an .npz file with")
