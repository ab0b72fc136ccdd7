"""Pictures through the client's imaging to the bundled model."""

import io
from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
from bundled import BUNDLED
from digits import has_mnist, mnist_or_sklearn
from digitserve_client import AsyncDigitClient, DigitClient
from digitserve_client.findings import PictureWarning
from digitserve_client.imaging import prepare
from numpy.typing import NDArray
from PIL import Image
from written_sheets import DIGITS

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Grey:
    """2,000 of MNIST's test images where there is its file, else the golden ones."""
    return mnist_or_sklearn()[2][:2000] if has_mnist() else DIGITS.images


@pytest.fixture(scope="module")
def answers() -> Callable[[list[Grey]], NDArray[np.int64]]:
    session = onnxruntime.InferenceSession(BUNDLED[-1] / "model.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def answers(images: list[Grey]) -> NDArray[np.int64]:
        (probabilities,) = session.run(None, {name: np.stack(images)})
        return np.asarray(np.argmax(probabilities, axis=1), np.int64)

    return answers


def scaled(share: float) -> Callable[[Grey], Grey]:
    side_px = round(28 * share)
    return lambda image: np.asarray(
        Image.fromarray(image).resize((side_px, side_px), Image.Resampling.BICUBIC)
    )


def jpeg(image: Grey) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=30)
    return stream.getvalue()


CHANGES: dict[str, Callable[[Grey], Grey | bytes]] = {
    "nothing": lambda image: image,
    "dark on light": lambda image: 255 - image,
    "half as large": scaled(0.5),
    "twice as large": scaled(2),
    "eight times as large": scaled(8),
    "in a corner": lambda image: np.pad(image, ((3, 30), (40, 2))),
    "brighter": lambda image: np.minimum(image, 215) + np.uint8(40),
    "less contrast": lambda image: image // 3,
    "grey on grey": lambda image: 170 - image // 3,
    "JPEG of quality 30": jpeg,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_matter_leaves_the_answer_as_it_is(
    change: str, digits: Grey, answers: Callable[[list[Grey]], NDArray[np.int64]]
) -> None:
    changed = [prepare(CHANGES[change](image)).image for image in digits]
    assert (answers(changed) == answers(list(digits))).mean() >= 0.99


SEVEN = np.kron(DIGITS.images[7], np.ones((4, 4), np.uint8))
PAIR = 255 - np.concatenate([SEVEN, SEVEN], axis=1)


def picture(grey: Grey) -> Image.Image:
    return Image.fromarray(grey)


def test_warnings_come_back_with_the_answer(bundled: str) -> None:
    with DigitClient(bundled) as client:
        plain = client.classify(picture(255 - SEVEN))
        pair = client.classify(picture(PAIR))
    assert (plain.digit, plain.needs_review, plain.warnings) == (7, False, ())
    assert pair.warnings == (PictureWarning.SEVERAL_DIGITS,)
    assert pair.needs_review


def test_in_a_batch_and_in_a_stream_each_picture_has_its_own(bundled: str) -> None:
    blank = np.full((90, 90), 230, np.uint8)
    images = [picture(255 - SEVEN), picture(PAIR), DIGITS.images[7], picture(blank), prepare(PAIR)]
    several, none = (PictureWarning.SEVERAL_DIGITS,), ()
    expected = [none, several, none, (PictureWarning.BLANK,), several]
    with DigitClient(bundled) as client:
        batch = client.classify_batch(images)
        stream = list(client.classify_stream(images, batch_rows=2))
    assert batch.warnings.tolist() == expected
    assert [answer.warnings for answer in stream] == expected
    assert batch.needs_review.tolist() == [bool(warnings) for warnings in expected]
    assert [answer.digit for answer in stream] == batch.digits.tolist()


async def test_the_asyncio_client_says_the_same(bundled: str) -> None:
    images = [picture(255 - SEVEN), picture(PAIR)]
    async with AsyncDigitClient(bundled) as client:
        one = await client.classify(images[1])
        batch = await client.classify_batch(images)
        stream = [answer.warnings async for answer in client.classify_stream(images)]
    assert one.warnings == batch[1].warnings == stream[1] == (PictureWarning.SEVERAL_DIGITS,)
    assert batch[0].warnings == stream[0] == ()
