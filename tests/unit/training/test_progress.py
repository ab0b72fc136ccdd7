import io

from digitserve_training.history import Epoch
from digitserve_training.progress import Progress
from rich.console import Console


def shown(console: Console, text: io.StringIO) -> str:
    progress = Progress(console)
    with progress.fitting(epochs=2, steps=3) as fit:
        for epoch in (1, 2):
            for _ in range(3):
                fit.batch()
            fit.epoch(Epoch(epoch, 0.25, 0.125, 0.9512, 0.002, 0.1))
    return text.getvalue()


def test_without_a_terminal_an_epoch_is_one_plain_line() -> None:
    text = io.StringIO()
    lines = shown(Console(file=text), text).splitlines()
    assert lines[0] == "fit       epoch  1 of 2: loss 0.2500, validation loss 0.1250, accuracy 95.12%, 0 s"
    assert len(lines) == 2


def test_on_a_terminal_a_bar_moves() -> None:
    text = io.StringIO()
    screen = shown(Console(file=text, force_terminal=True, width=100), text)
    assert "━" in screen
    assert "epoch  2 of 2" in screen


def test_long_and_bracketed_text_stays_as_it_is() -> None:
    text = io.StringIO()
    Progress(Console(file=text, width=40)).stage("load", "from /a/very/long/path/[red]/" + "x" * 60)
    assert text.getvalue() == "load      from /a/very/long/path/[red]/" + "x" * 60 + "\n"
