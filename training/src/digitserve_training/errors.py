"""What can go wrong in a training job. Each message says what was found, what is wanted, what to do."""

from collections.abc import Sequence
from pathlib import Path


class TrainingError(Exception):
    """Base of all errors that a user of the job can do something about."""


class SettingsError(TrainingError):
    """A setting has a value that cannot be used."""

    def __init__(self, setting: str, value: object, wanted: str) -> None:
        super().__init__(f"{setting} is {value!r}; wanted {wanted}")
        self.setting = setting
        self.value = value
        self.wanted = wanted


class Unusable(TrainingError):
    """Base of the errors that name something, say what was found there, and what is wanted instead."""

    def __init__(self, subject: object, found: str, wanted: str) -> None:
        super().__init__(f"{subject}: {found}; wanted {wanted}")
        self.subject = subject
        self.found = found
        self.wanted = wanted


class ConfigError(Unusable):
    """A configuration says something that cannot be used; `subject` is where: a file and line, or a flag."""


class NetworkError(Unusable):
    """The layers do not fit together; `subject` is the number and the kind of the first that does not."""


class DataMissing(TrainingError):
    """No images to learn from could be had."""

    def __init__(self, reason: str, title: str) -> None:
        super().__init__(
            f"no images to learn from: downloading {title} failed ({reason}). Name a file or a folder of "
            "images with --data, or with the environment variable DIGITSERVE_MNIST, or let Keras download "
            f"{title} where there is a network"
        )
        self.reason = reason
        self.title = title


class DataError(Unusable):
    """A data file is not what the job can learn from."""


class TrainedError(Unusable):
    """A trained model, which a recipe names as a teacher or to look again, cannot be asked."""

    def __init__(self, path: Path, found: str) -> None:
        folder = "the folder of a model version or of a finished run"
        super().__init__(f"model {path}", found, f"{folder}, or its .onnx file, for the classes of the data")


class FitDiverged(TrainingError):
    """The loss is no longer a number."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__(
            f"the fit diverged at learning rate {learning_rate:g}; try a smaller --learning-rate"
        )
        self.learning_rate = learning_rate


class VerificationError(Unusable):
    """The exported graph does not do what the network does, or not what is promised."""

    def __init__(self, check: str, found: str, wanted: str) -> None:
        super().__init__(f"the exported graph fails its {check} check", found, wanted)


class AccuracyTooLow(TrainingError):
    """The model is not good enough to be written; its `run` can be gone on with to accept less."""

    def __init__(self, measured: float, wanted: float, run: Path) -> None:
        super().__init__(
            f"test accuracy {measured:.4f} is below --min-accuracy {wanted:g}: nothing was written. Fit on "
            f"more images, or for more --epochs; or accept less, without another fit, with --resume {run} "
            "--min-accuracy and what it has to reach"
        )
        self.measured = measured
        self.wanted = wanted
        self.run = run


class RunError(Unusable):
    """A run folder cannot be made, or cannot be gone on with."""

    def __init__(self, folder: Path, found: str, wanted: str) -> None:
        super().__init__(f"run {folder}", found, wanted)


class ModelError(Unusable):
    """A model version cannot be read; `subject` is its folder."""


class ReportError(Unusable):
    """A report cannot be made, or not be written."""


class RepositoryError(TrainingError):
    """The model repository cannot take a new version."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"cannot write a model version to {folder}: {reason}")
        self.folder = folder
        self.reason = reason


class OtherLabels(TrainingError):
    """The newest version of the model reads other classes: callers would get answers of another kind."""

    def __init__(self, version: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
        super().__init__(
            f"{version} reads {', '.join(found)}, and the data are of {', '.join(wanted)}: a server would "
            "answer with the new labels as soon as they are there. Give the model a name of its own, as in "
            "--name letters, or write to a folder without such versions, with --models"
        )
        self.version = version
        self.found = found
        self.wanted = wanted
