"""MODEL_CARD.md: the manifest for people."""

import tomli_w
from jinja2 import Environment, PackageLoader, StrictUndefined

from digitserve_training.data import DIGIT_LABELS, MNIST_TEST_SHA256
from digitserve_training.manifest import Manifest


def model_card(manifest: Manifest) -> str:
    """The card of the model that the manifest describes, in Markdown."""
    environment = Environment(
        loader=PackageLoader("digitserve_training"),
        autoescape=False,  # noqa: S701  Markdown, of figures that a job has measured
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": "{:,}".format, "percent": _percent, "toml": _toml}
    return environment.get_template("model_card.md.jinja").render(
        manifest,
        thing="digit" if tuple(manifest["labels"]) == DIGIT_LABELS else "character",
        mnist=manifest["metrics"]["test"]["data_sha256"] == MNIST_TEST_SHA256,
    )


def _percent(share: float, decimals: int) -> str:
    return f"{share:.{decimals}%}"


def _toml(table: Manifest) -> str:
    return tomli_w.dumps(table).strip()
