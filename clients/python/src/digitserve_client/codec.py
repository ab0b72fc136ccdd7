"""Between the wire's messages and this package's values: the one place that knows both."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2
from grpc_health.v1 import health_pb2
from numpy.typing import NDArray

from digitserve_client.errors import Facts, ServerError
from digitserve_client.findings import PictureWarning
from digitserve_client.images import Rows
from digitserve_client.models import Health, Model, ModelState
from digitserve_client.results import Classification, Classifications

DECIMAL = np.array([str(index) for index in range(256)])
"""What the classes are called where an answer in columns does not say it."""

NO_WARNINGS = np.empty((), np.object_)
NO_WARNINGS[()] = ()

ModelResponse: TypeAlias = (
    models_pb2.GetModelResponse
    | models_pb2.LoadModelResponse
    | models_pb2.UnloadModelResponse
    | models_pb2.SetDefaultResponse
    | models_pb2.RollbackResponse
)

MODEL_STATES = {
    models_pb2.MODEL_STATE_LOADING: ModelState.LOADING,
    models_pb2.MODEL_STATE_READY: ModelState.READY,
    models_pb2.MODEL_STATE_FAILED: ModelState.FAILED,
    models_pb2.MODEL_STATE_UNLOADED: ModelState.UNLOADED,
}


def classify_request(row: Rows, model: digits_pb2.ModelSelector) -> digits_pb2.ClassifyImageRequest:
    """Asks what one image, (1, 28, 28), shows."""
    return digits_pb2.ClassifyImageRequest(pixels=row.tobytes(), model=model)


def batch_request(
    rows: Rows, model: digits_pb2.ModelSelector, *, probabilities: bool
) -> digits_pb2.BatchClassifyImagesRequest:
    """Asks what N images, (N, 28, 28), show."""
    return digits_pb2.BatchClassifyImagesRequest(
        pixels=rows.tobytes(), model=model, include_probabilities=probabilities
    )


def classification(
    response: digits_pb2.ClassifyImageResponse, warnings: tuple[PictureWarning, ...] = ()
) -> Classification:
    """The answer for one image, whose picture gave rise to these warnings."""
    answer = response.classification
    return Classification(
        digit=answer.digit,
        label=answer.label,
        confidence=answer.confidence,
        probabilities=tuple(answer.probabilities) or None,
        needs_review=answer.needs_review or bool(warnings),
        model_name=response.model.name,
        model_version=response.model.version,
        warnings=warnings,
    )


def classifications(
    response: digits_pb2.BatchClassifyImagesResponse,
    rows: int,
    warnings: Mapping[int, tuple[PictureWarning, ...]],
) -> Classifications:
    """The answer for `rows` images, some of which gave rise to warnings.

    Raises ServerError when its columns do not fit that.
    """
    try:
        return _classifications(response, rows, warnings)
    except (ValueError, IndexError) as problem:
        facts = Facts(code="INTERNAL", reason="MALFORMED_ANSWER")
        raise ServerError(f"the server's answer does not fit the {rows} images sent", facts) from problem


def _classifications(
    response: digits_pb2.BatchClassifyImagesResponse,
    rows: int,
    warnings: Mapping[int, tuple[PictureWarning, ...]],
) -> Classifications:
    columns = response.classifications
    needs_review = np.zeros(rows, np.bool_)
    needs_review[list(columns.needs_review_indices)] = True
    needs_review[list(warnings)] = True
    digits = np.frombuffer(columns.digits, np.uint8).reshape(rows)
    labels = np.array(columns.labels) if columns.labels else DECIMAL
    return Classifications(
        digits=digits,
        labels=labels[digits],
        confidences=np.array(columns.confidences, np.float32).reshape(rows),
        needs_review=needs_review,
        probabilities=_probabilities(columns, rows),
        warnings=_warnings(warnings, rows),
        # Zero strides: one string stands for all rows.
        model_names=np.broadcast_to(np.array(response.model.name), rows),
        model_versions=np.broadcast_to(np.array(response.model.version), rows),
    )


def _warnings(warnings: Mapping[int, tuple[PictureWarning, ...]], rows: int) -> NDArray[np.object_]:
    column = np.broadcast_to(NO_WARNINGS, rows)
    if warnings:
        column = column.copy()
        for row, each in warnings.items():
            column[row] = each
    return column


def _probabilities(columns: digits_pb2.ClassificationColumns, rows: int) -> NDArray[np.float32] | None:
    if not columns.probabilities:
        return None
    return np.array(columns.probabilities, np.float32).reshape(rows, -1)


def model(message: models_pb2.Model) -> Model:
    """One model version. Numbers the server only knows of a ready model are None for the others."""
    ready = message.state == models_pb2.MODEL_STATE_READY
    return Model(
        name=message.name,
        version=message.version,
        state=MODEL_STATES.get(message.state, ModelState.UNKNOWN),
        state_reason=message.state_reason,
        is_default=message.is_default,
        labels=tuple(message.labels),
        height_px=message.height_px if ready else None,
        width_px=message.width_px if ready else None,
        review_threshold=message.review_threshold if ready else None,
        review_promise=message.review_promise,
        test_accuracy=message.test_accuracy if ready else None,
        sha256=message.sha256,
        version_labels=tuple(message.version_labels),
    )


def model_answer(response: ModelResponse) -> Model:
    """The model asked for, or changed."""
    return model(response.model)


def models(response: models_pb2.ListModelsResponse) -> list[Model]:
    """All models, in the server's order."""
    return [model(message) for message in response.models]


def health(response: health_pb2.HealthCheckResponse) -> Health:
    """What the server says of its health."""
    return Health(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))
