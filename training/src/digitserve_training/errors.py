"""What can go wrong in a training job. Each message says what was found, what is wanted, what to do."""

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


class DataMissing(TrainingError):
    """No images to learn from could be had."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no images to learn from: downloading MNIST failed ({reason}). Name an .npz file with "
            "--data FILE, or with the environment variable DIGITSERVE_MNIST, or let Keras download "
            "MNIST where there is a network"
        )
        self.reason = reason


class DataError(TrainingError):
    """A data file is not what the job can learn from."""

    def __init__(self, source: str, found: str, wanted: str) -> None:
        super().__init__(f"{source}: {found}; wanted {wanted}")
        self.source = source
        self.found = found
        self.wanted = wanted


class FitDiverged(TrainingError):
    """The loss is no longer a number."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__(
            f"the fit diverged at learning rate {learning_rate:g}; try a smaller --learning-rate"
        )
        self.learning_rate = learning_rate


class VerificationError(TrainingError):
    """The exported graph does not do what the network does, or not what is promised."""

    def __init__(self, check: str, found: str, wanted: str) -> None:
        super().__init__(f"the exported graph fails its {check} check: {found}; wanted {wanted}")
        self.check = check
        self.found = found
        self.wanted = wanted


class AccuracyTooLow(TrainingError):
    """The model is not good enough to be written."""

    def __init__(self, measured: float, wanted: float) -> None:
        super().__init__(
            f"test accuracy {measured:.4f} is below --min-accuracy {wanted:g}: nothing was written"
        )
        self.measured = measured
        self.wanted = wanted


class RepositoryError(TrainingError):
    """The model repository cannot take a new version."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"cannot write a model version to {folder}: {reason}")
        self.folder = folder
        self.reason = reason
