"""What the server, its models and its repository are, in the protocol's messages."""

import importlib.metadata
import time

from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.counts import Numbers, Span
from digitserve_serving.manifest import Manifest
from digitserve_serving.models import Entry, State
from digitserve_serving.oip.tensors import Described, described
from digitserve_serving.settings import Settings

STATES = {
    State.READY: "READY",
    State.LOADING: "LOADING",
    State.FAILED: "UNAVAILABLE",
    State.UNLOADED: "UNAVAILABLE",
}
UNLOADED = "unloaded"  # the reason, in Triton's word


def server() -> pb.ServerMetadataResponse:
    """The server."""
    return pb.ServerMetadataResponse(
        name="digitserve",
        version=importlib.metadata.version("digitserve-serving"),
        extensions=["model_configuration", "model_repository", "statistics"],
    )


def metadata(manifest: Manifest, versions: list[str]) -> pb.ModelMetadataResponse:
    """The tensors of a model."""
    return pb.ModelMetadataResponse(
        name=manifest.name,
        versions=versions,
        platform="onnx_onnxv1",
        inputs=[_metadata(described(manifest.input))],
        outputs=[_metadata(described(manifest.output))],
    )


def config(manifest: Manifest, settings: Settings) -> pb.ModelConfigResponse:
    """How a model is configured."""
    taken, given = described(manifest.input), described(manifest.output)
    delay_us = round(settings.max_queue_delay_ms * 1000)
    return pb.ModelConfigResponse(
        config=pb.ModelConfig(
            name=manifest.name,
            platform="onnxruntime_onnx",
            backend="onnxruntime",
            max_batch_size=settings.max_rows_per_call,
            input=[pb.ModelInput(name=taken.name, data_type=taken.elements.config, dims=taken.dims)],
            output=[pb.ModelOutput(name=given.name, data_type=given.elements.config, dims=given.dims)],
            default_model_filename=manifest.model.file,
            dynamic_batching=pb.ModelDynamicBatching(max_queue_delay_microseconds=delay_us),
        )
    )


def statistics(manifest: Manifest, numbers: Numbers) -> pb.ModelStatistics:
    """What a model version has done."""
    return pb.ModelStatistics(
        name=manifest.name,
        version=manifest.version,
        last_inference=_unix_ms(numbers.last_run) if numbers.last_run else 0,
        inference_count=numbers.rows,
        execution_count=sum(span.count for span in numbers.runs.values()),
        inference_stats=pb.InferStatistics(
            success=_duration(numbers.success),
            fail=_duration(numbers.failure),
            queue=_duration(numbers.queue),
            compute_infer=_duration(numbers.compute),
        ),
        batch_stats=[
            pb.InferBatchStatistics(batch_size=rows, compute_infer=_duration(span))
            for rows, span in sorted(numbers.runs.items())
        ],
    )


def index(entries: list[Entry]) -> pb.RepositoryIndexResponse:
    """Model versions and their states."""
    return pb.RepositoryIndexResponse(
        models=[
            pb.RepositoryIndexResponse.ModelIndex(
                name=entry.name,
                version=entry.version,
                state=STATES[entry.state],
                reason=UNLOADED if entry.state is State.UNLOADED else entry.reason,
            )
            for entry in entries
        ]
    )


def _metadata(tensor: Described) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.elements.datatype, shape=tensor.shape
    )


def _duration(span: Span) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=span.count, ns=max(0, round(span.seconds * 1e9)))


def _unix_ms(monotonic: float) -> int:
    return round((time.time() - (time.monotonic() - monotonic)) * 1000)
