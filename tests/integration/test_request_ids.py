"""A call has one request id, in its answer and in the log: the caller's own if it sent one."""

import logging
from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from digitserve.inference import grpc_service_pb2_grpc as pb_grpc
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc
from server_in_process import Serving
from tiny_model import image_of
from wire import batch, one, streamed

IMAGE = image_of(3)
SENT = grpc.aio.Metadata(("x-request-id", "mine-1"))
TENSOR = pb.ModelInferRequest.InferInputTensor(name="images", datatype="UINT8", shape=[1, 28, 28])
INFER = pb.ModelInferRequest(model_name="digits", inputs=[TENSOR], raw_input_contents=[IMAGE.tobytes()])
Make = Callable[..., Any]  # a call, given a channel

CALLS: dict[str, Make] = {
    "ClassifyImage": lambda c, **m: digits_grpc.DigitServiceStub(c).ClassifyImage(one(IMAGE), **m),
    "BatchClassifyImages": lambda c, **m: digits_grpc.DigitServiceStub(c).BatchClassifyImages(
        batch(IMAGE.tobytes()), **m
    ),
    "StreamClassifyImages": lambda c, **m: digits_grpc.DigitServiceStub(c).StreamClassifyImages(
        iter([streamed(IMAGE.tobytes())]), **m
    ),
    "ListModels": lambda c, **m: models_grpc.ModelServiceStub(c).ListModels(
        models_pb2.ListModelsRequest(), **m
    ),
    "ModelInfer": lambda c, **m: pb_grpc.GRPCInferenceServiceStub(c).ModelInfer(INFER, **m),
    "ModelStreamInfer": lambda c, **m: pb_grpc.GRPCInferenceServiceStub(c).ModelStreamInfer(
        iter([INFER]), **m
    ),
    "ServerReady": lambda c, **m: pb_grpc.GRPCInferenceServiceStub(c).ServerReady(
        pb.ServerReadyRequest(), **m
    ),
}


async def id_in_answer(call: Any) -> str:
    """The request id that the answer's trailing metadata tells."""
    if hasattr(call, "read"):
        assert [answer async for answer in call]
    else:
        await call
    return str(dict(await call.trailing_metadata())["x-request-id"])


@pytest.mark.parametrize("method", CALLS)
async def test_the_answer_and_the_log_have_the_same_id(
    serving: Serving, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    caplog.set_level(logging.DEBUG, "digitserve_serving")
    async with serving() as channel:
        assert await id_in_answer(CALLS[method](channel, metadata=SENT)) == "mine-1"
        given = await id_in_answer(CALLS[method](channel))
    logged: list[dict[str, Any]] = [record.facts for record in caplog.records if hasattr(record, "facts")]
    lines = [line for line in logged if str(line.get("method", "")).endswith(f"/{method}")]
    assert [line["request_id"] for line in lines] == ["mine-1", given]
    assert [line["code"] for line in lines] == ["OK", "OK"]
