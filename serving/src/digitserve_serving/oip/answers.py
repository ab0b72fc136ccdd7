"""Writes ModelInferResponse. What is the same in every answer of a model is serialised only once."""

import functools

from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.fields import delimited
from digitserve_serving.manifest import Manifest
from digitserve_serving.oip.tensors import described
from digitserve_serving.runtime import Probabilities

ID = pb.ModelInferResponse.ID_FIELD_NUMBER
RAW = pb.ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER
IN_A_STREAM = pb.ModelStreamInferResponse.INFER_RESPONSE_FIELD_NUMBER
SIZES = 256  # of batches, whose tensors are kept

# Of the answers in a stream: each request has one, which is its last.
FINAL = pb.ModelInferResponse(
    parameters={"triton_final_response": pb.InferParameter(bool_param=True)}
).SerializeToString()


class Answers:
    """The answers of one model, which has one output."""

    def __init__(self, manifest: Manifest) -> None:
        self._given = described(manifest.output)
        about = pb.ModelInferResponse(model_name=manifest.name, model_version=manifest.version)
        self._about = about.SerializeToString()
        self._tensor = functools.lru_cache(SIZES)(self._tensor_of)

    def in_bytes(self, rows: Probabilities, request_id: str) -> bytes:
        """A ModelInferResponse with raw contents: rows (N, classes)."""
        tensor, raw = self._tensor(len(rows)), delimited(RAW, rows.tobytes())
        return b"".join((self._about, delimited(ID, request_id.encode()), tensor, raw))

    def in_numbers(self, rows: Probabilities, request_id: str) -> bytes:
        """A ModelInferResponse with contents that are numbers: rows (N, classes)."""
        response = pb.ModelInferResponse.FromString(self._about + self._tensor(len(rows)))
        response.id = request_id
        elements = getattr(response.outputs[0].contents, self._given.elements.contents)
        elements.extend(rows.ravel().tolist())
        return response.SerializeToString()

    def _tensor_of(self, rows: int) -> bytes:
        response = pb.ModelInferResponse()
        shape = (rows, *self._given.dims)
        response.outputs.add(name=self._given.name, datatype=self._given.elements.datatype, shape=shape)
        return response.SerializeToString()


def streamed(response: bytes) -> bytes:
    """The ModelStreamInferResponse around a ModelInferResponse."""
    return delimited(IN_A_STREAM, response + FINAL)
