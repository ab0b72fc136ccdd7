"""What users may rely on: names, signatures, and how little is imported."""

import inspect
import subprocess
import sys

import digitserve_client
import pytest
from digitserve.v1 import digit_service_pb2, model_service_pb2
from digitserve_client import AsyncDigitClient, DigitClient

PUBLIC = {
    "AccessDenied",
    "AsyncDigitClient",
    "CallError",
    "Classification",
    "Classifications",
    "ClientClosed",
    "DeadlineExceeded",
    "DigitClient",
    "DigitString",
    "DigitserveError",
    "FieldViolation",
    "Health",
    "InvalidArgument",
    "InvalidImage",
    "MissingExtra",
    "Model",
    "ModelFailed",
    "ModelNotFound",
    "ModelState",
    "Overloaded",
    "Page",
    "PageDigit",
    "Quad",
    "RequestTooLarge",
    "RetryPolicy",
    "ServerError",
    "Tls",
    "TlsFailed",
    "TryLater",
    "Unavailable",
    "UnreadablePicture",
    "Unsupported",
    "__version__",
}

METHODS = {
    "ClassifyImage": "classify",
    "BatchClassifyImages": "classify_batch",
    "ListModels": "models",
    "GetModel": "model",
    "LoadModel": "load_model",
    "UnloadModel": "unload_model",
    "SetDefault": "set_default",
    "Rollback": "rollback",
}
NOT_CALLED = {
    "StreamClassifyImages": "classify_stream is made of unary calls, with deadlines and retries of their own",
}


def test_the_public_names() -> None:
    assert set(digitserve_client.__all__) == PUBLIC
    assert all(hasattr(digitserve_client, name) for name in PUBLIC)


@pytest.mark.parametrize(
    "service",
    [
        digit_service_pb2.DESCRIPTOR.services_by_name["DigitService"],
        model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    ],
    ids=lambda service: service.name,
)
def test_every_rpc_has_a_method_or_a_reason(service: object) -> None:
    for rpc in service.methods:  # type: ignore[attr-defined]
        assert (rpc.name in METHODS) != (rpc.name in NOT_CALLED), rpc.name
        if rpc.name in METHODS:
            assert callable(getattr(DigitClient, METHODS[rpc.name]))


def surface(client: type) -> dict[str, list[tuple[str, object]]]:
    methods = inspect.getmembers(client, inspect.isfunction)
    names = [name for name, _ in methods if name == "__init__" or not name.startswith("_")]
    return {
        name: [(p.name, p.default) for p in inspect.signature(getattr(client, name)).parameters.values()]
        for name in names
    }


def test_both_clients_have_the_same_surface() -> None:
    assert surface(DigitClient) == surface(AsyncDigitClient)
    assert set(surface(DigitClient)) == {
        "__init__",
        "classify",
        "classify_batch",
        "classify_stream",
        "close",
        "health",
        "load_model",
        "model",
        "models",
        "read",
        "rollback",
        "set_default",
        "unload_model",
        "with_model",
    }


def test_importing_it_needs_no_extra() -> None:
    code = "import sys, digitserve_client, digitserve_client.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"PIL", "click", "rich", "grpc_status"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "code", "extra"),
    [
        ("PIL", "import digitserve_client.imaging", "images"),
        ("PIL", "import digitserve_client as d; d.DigitClient().classify('seven.png')", "images"),
        ("click", "from digitserve_client.cli import main; main()", "cli"),
        ("rich", "from digitserve_client.cli import main; main()", "cli"),
        ("PIL", "from digitserve_client.cli import main; main()", "cli"),
    ],
)
def test_a_missing_extra_is_named(module: str, code: str, extra: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"pip install 'digitserve-client[{extra}]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("client", [DigitClient, AsyncDigitClient])
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"target": ""}, "target"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"timeout_s": 1e10}, "timeout_s is 10000000000.0; more than 0 and at most 1000000000 is wanted"),
        ({"tls": "ca.pem"}, "tls is 'ca.pem'; True is wanted"),
        ({"timeout_s": float("nan")}, "timeout_s"),
    ],
)
def test_settings_out_of_range_are_refused(
    client: type[DigitClient], options: dict[str, object], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        client(**options)  # type: ignore[arg-type]
