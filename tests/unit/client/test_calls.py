"""Each call and its answer, by either client."""

import asyncio

import numpy as np
import pytest
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve_client import ClientClosed, DigitClient, Health, InvalidImage, Model, ModelState, ServerError
from unit.client.conftest import Connect
from unit.client.driver import Driver
from unit.client.fake_server import FakeServer, digit_images

READY = models_pb2.Model(
    name="digits",
    version="2",
    state=models_pb2.MODEL_STATE_READY,
    is_default=True,
    labels=[str(digit) for digit in range(10)],
    height_px=28,
    width_px=28,
    review_promise="99.9 % of the others are right",
    test_accuracy=0.9951,
    sha256="ab" * 32,
)
FAILED = models_pb2.Model(
    name="digits", version="3", state=models_pb2.MODEL_STATE_FAILED, state_reason="the hash differs"
)


async def test_one_image(client: Driver) -> None:
    answer = await client.call("classify", digit_images(8)[5])
    assert (answer.digit, answer.label, answer.needs_review) == (5, "the 5", False)
    assert answer.confidence == pytest.approx(0.9)
    assert len(answer.probabilities) == 10
    assert (answer.model_name, answer.model_version) == ("digits", "1")
    assert (await client.call("classify", digit_images(8)[7])).needs_review


async def test_a_batch(client: Driver) -> None:
    answers = await client.call("classify_batch", digit_images(30), probabilities=True)
    np.testing.assert_array_equal(answers.digits, np.arange(30) % 10)
    np.testing.assert_array_equal(answers.needs_review, np.arange(30) % 7 == 0)
    assert answers.confidences.dtype == np.float32
    assert answers.probabilities.shape == (30, 10)
    assert answers[29].probabilities[9] == pytest.approx(0.9)
    assert answers[3].label == "3"


async def test_probabilities_come_only_when_asked_for(client: Driver, server: FakeServer) -> None:
    answers = await client.call("classify_batch", digit_images(3))
    assert answers.probabilities is None
    assert not server.requests["BatchClassifyImages"][0].include_probabilities


async def test_a_large_batch_is_split_and_joined_in_order(client: Driver, server: FakeServer) -> None:
    versions = ["1", "1", "2", "2", "2"]
    server.version_of = lambda batch: versions[batch]
    answers = await client.call("classify_batch", digit_images(4500))
    np.testing.assert_array_equal(answers.digits, np.arange(4500) % 10)
    np.testing.assert_array_equal(answers.needs_review, np.arange(4500) % 7 == 0)
    sizes = sorted(len(request.pixels) // 784 for request in server.requests["BatchClassifyImages"])
    assert sizes == [404, 1024, 1024, 1024, 1024]
    assert set(answers.model_versions.tolist()) == {"1", "2"}


async def test_a_large_batch_has_a_few_calls_under_way(client: Driver, server: FakeServer) -> None:
    server.hold()
    call = asyncio.create_task(client.call("classify_batch", digit_images(10 * 1024)))
    await asyncio.to_thread(server.wait_until, lambda: server.running == 4)
    server.release()
    assert len(await call) == 10 * 1024
    assert server.most_running == 4


async def test_a_large_batch_fails_as_a_whole(client: Driver, server: FakeServer) -> None:
    def malformed(batch: int) -> str:
        raise RuntimeError

    server.version_of = malformed
    with pytest.raises(ServerError):
        await client.call("classify_batch", digit_images(4500))


async def test_the_model_can_be_chosen(connect: Connect, server: FakeServer) -> None:
    server.models = [READY]
    chosen = connect(model="digits", version=2)
    selector = digits_pb2.ModelSelector(name="digits", version="2")
    await chosen.call("classify", digit_images(1)[0])
    await chosen.call("classify_batch", digit_images(1))
    assert server.requests["ClassifyImage"][0].model == selector
    assert server.requests["BatchClassifyImages"][0].model == selector
    await chosen.call("model")
    await chosen.call("model", "digits")
    await chosen.call("model", version="7")
    asked = [(request.name, request.version) for request in server.requests["GetModel"]]
    assert asked == [("digits", "2"), ("digits", ""), ("", "7")]


async def test_clients_for_other_models_share_a_connection(connect: Connect, server: FakeServer) -> None:
    one = connect(model="digits")
    other = Driver(one.client.with_model("letters", 3))
    for client in (one, other, one):
        await client.call("classify", digit_images(1)[0])
    asked = [(request.model.name, request.model.version) for request in server.requests["ClassifyImage"]]
    assert asked == [("digits", ""), ("letters", "3"), ("digits", "")]
    await other.close()
    with pytest.raises(ClientClosed):
        await one.call("classify", digit_images(1)[0])


async def test_models(client: Driver, server: FakeServer) -> None:
    server.models = [READY, FAILED, models_pb2.Model(name="digits", version="4", state=99)]  # type: ignore[arg-type]
    ready, failed, strange = await client.call("models")
    assert ready == Model(
        name="digits",
        version="2",
        state=ModelState.READY,
        is_default=True,
        labels=tuple("0123456789"),
        height_px=28,
        width_px=28,
        review_threshold=0.0,
        review_promise="99.9 % of the others are right",
        test_accuracy=0.9951,
        sha256="ab" * 32,
    )
    assert failed == Model(
        name="digits", version="3", state=ModelState.FAILED, state_reason="the hash differs"
    )
    assert strange.state is ModelState.UNKNOWN
    assert str(failed) == "digits/3 (failed)"


async def test_health(client: Driver, server: FakeServer) -> None:
    assert await client.call("health") is Health.SERVING
    server.set_health("digits", 2)
    assert await client.call("health", "digits") is Health.NOT_SERVING
    assert await client.call("health", "letters") is Health.SERVICE_UNKNOWN


async def test_a_bad_image_is_refused_before_it_is_sent(client: Driver, server: FakeServer) -> None:
    for method in ("classify", "classify_batch"):
        with pytest.raises(InvalidImage):
            await client.call(method, np.zeros((27, 28)))
    assert not server.requests


@pytest.mark.parametrize("damage", ["digits", "confidences", "needs_review_indices", "probabilities"])
async def test_an_answer_that_does_not_fit_is_an_error(
    client: Driver, server: FakeServer, damage: str
) -> None:
    def damaged(answer: digits_pb2.BatchClassifyImagesResponse) -> None:
        if damage == "digits":
            answer.classifications.digits += b"\0"
        else:
            getattr(answer.classifications, damage).append(9)

    server.damage = damaged
    with pytest.raises(ServerError, match="does not fit the 3 images"):
        await client.call("classify_batch", digit_images(3), probabilities=True)


async def test_columns_are_labelled_as_the_model_calls_its_classes(
    client: Driver, server: FakeServer
) -> None:
    def labelled(answer: digits_pb2.BatchClassifyImagesResponse) -> None:
        answer.classifications.labels.extend(("zero", "one", "two"))

    server.damage = labelled
    answers = await client.call("classify_batch", digit_images(3))
    assert answers.labels.tolist() == [answer.label for answer in answers] == ["zero", "one", "two"]
    with pytest.raises(ServerError, match="does not fit the 4 images"):
        await client.call("classify_batch", digit_images(4))


async def test_one_client_serves_many_threads(server: FakeServer) -> None:
    images = digit_images(100)
    with DigitClient(server.target, timeout_s=20) as client:
        calls = [asyncio.to_thread(client.classify, image) for image in images]
        answers = await asyncio.gather(*calls)
    assert [answer.digit for answer in answers] == [digit % 10 for digit in range(100)]
