"""The API against its own description, with whatever a generator of requests thinks of."""

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import positive_data_acceptance  # any bytes may be sent, few are a picture
from schemathesis.core.result import Ok
from web_process import web_process

EXAMPLES = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def test_every_answer_is_as_it_is_described(bundled: str, bundled_models: Path) -> None:
    with web_process(bundled, "--models", str(bundled_models)) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            hold_to_description(result.ok())


def hold_to_description(operation: Any) -> None:
    @EXAMPLES
    @given(operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(timeout=20, excluded_checks=[positive_data_acceptance])

    ask()
