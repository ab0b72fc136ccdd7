"""MODEL_CARD.md: the manifest for people.

The headings follow Mitchell et al.: Model Cards for Model Reporting. FAT* 2019.
"""

import json
from typing import Any

from digitserve_training.data import MNIST_TEST_SHA256
from digitserve_training.manifest import Manifest


def model_card(manifest: Manifest) -> str:
    """The card of the model that the manifest describes, in Markdown."""
    sections = (_what, _use, _made, _measured, _review, _limits, _licence)
    return "\n".join(section(manifest) for section in sections)


def _what(manifest: Manifest) -> str:
    model, labels = manifest["model"], manifest["labels"]
    return f"""# {manifest["name"]}, version {manifest["version"]}

{manifest["description"]}

| | |
|---|---|
| file | `{model["file"]}`, ONNX opset {model["opset"]}, {model["size_bytes"]:,} bytes |
| input | {_tensor(manifest["input"])}, 0 paper to 255 ink |
| output | {_tensor(manifest["output"])}, calibrated probabilities of {labels[0]} to {labels[-1]} |
| made | {manifest["created"]} |
"""


def _use(_manifest: Manifest) -> str:
    return """## What it is for

Reading single handwritten digits that are prepared as MNIST's are: one upright digit, white ink on black,
cropped, fitted into a box of 20 px and centred by its mass in 28x28. `digitserve_client.imaging` prepares
any picture that way. It is not for letters, for print, or for numbers that were not cut into digits.
Where an error is costly, have the answers that are marked for review read by a person.
"""


def _made(manifest: Manifest) -> str:
    training, seed = manifest["training"], manifest["training"]["seed"]
    settings = training["configuration"].items()
    rows = "\n".join(f"| {name.replace('_', ' ')} | {_value(value)} |" for name, value in settings)
    libraries = ", ".join(f"{name} {version}" for name, version in training["libraries"].items())
    return f"""## How it was made

With `digitserve-train`: preset `{training["preset"]}`, {training["parameters"]:,} parameters, seed {seed}.

| setting | |
|---|---|
{rows}

Made with {libraries}.
"""


def _measured(manifest: Manifest) -> str:
    rows = "\n".join(f"| {name} | {_metrics(metrics)} |" for name, metrics in manifest["metrics"].items())
    held_out = manifest["training"]["configuration"]["validation_held_out"]
    temperature = manifest["calibration"]["temperature"]
    return f"""## What was measured

On the exported graph. Settings, temperature and threshold were chosen on the validation images, which were
held out {held_out}; the test images were read once, for this table.

| images | number | accuracy | cross-entropy, nats | SHA-256 |
|---|---|---|---|---|
{rows}

The probabilities are calibrated: the logits are divided by {temperature:g} before the softmax.
"""


def _review(manifest: Manifest) -> str:
    review, marked = manifest["review"], 1 - manifest["review"]["coverage"]
    return f"""## Review

Answers with a confidence below {review["threshold"]:g} are marked `needs_review`: {marked:.1%} of
the answers to the validation images. {review["promise"]}
"""


def _limits(_manifest: Manifest) -> str:
    return """## Limits

- What is not a digit gets a digit all the same, and may get it with confidence: nothing detects it yet.
- Digits that are turned, mirrored, cut off, joined to others, or not centred are read worse, or wrong.
- Hands differ by country and by age: a 1 with a long upstroke, a crossed 7. The figures above hold for people
  who write like those in the data; measure on your own digits before you rely on them.
- Confidence is calibrated on images of the same source; on others it tends to be too high.
"""


def _licence(manifest: Manifest) -> str:
    if manifest["metrics"]["test"]["data_sha256"] == MNIST_TEST_SHA256:
        data = """MNIST by Yann LeCun, Corinna Cortes and
Christopher J. C. Burges, CC BY-SA 3.0; none of its images is included."""
    else:
        data = "not known to this program; see what its owner allows."
    return f"""## Licence

The model: Apache-2.0, as Digitserve. The data it was made from: {data}
"""


def _tensor(tensor: dict[str, Any]) -> str:
    return f"`{tensor['name']}`: {tensor['dtype']} [{', '.join(map(str, tensor['shape']))}]"


def _metrics(metrics: dict[str, Any]) -> str:
    accuracy, cross_entropy = f"{metrics['accuracy']:.2%}", f"{metrics['cross_entropy']:.4f}"
    return f"{metrics['images']:,} | {accuracy} | {cross_entropy} | `{metrics['data_sha256'][:12]}`"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_value(item)}" for name, item in value.items())
    return value if isinstance(value, str) else json.dumps(value)
