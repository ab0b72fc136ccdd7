"""A line in the log for each call, at debug. Never what was asked, nor what was answered."""

import logging

log = logging.getLogger(__name__)


def calls_are_logged() -> bool:
    """Whether there is to be such a line: else it need not be put together."""
    return log.isEnabledFor(logging.DEBUG)


def log_call(method: str, code: str, request_id: str, seconds: float | None = None) -> None:
    """A call has ended, `seconds` after it came, where that is known."""
    facts: dict[str, object] = {"request_id": request_id, "method": method, "code": code}
    if seconds is not None:
        facts["duration_ms"] = round(seconds * 1000, 3)
    log.debug("call", extra={"facts": facts})
