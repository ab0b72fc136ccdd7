"""The log: a JSON object in each line for machines, or lines for people.

Who logs may add facts: `log.info("...", extra={"facts": {"request_id": ...}})`.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


def log_to_stderr(level: str, style: str, **facts: Any) -> None:
    """Has everything of at least this level logged, with these facts in each line.

    `style` is json, console, or auto: console on a terminal.
    """
    handler = logging.StreamHandler(sys.stderr)
    as_json = not sys.stderr.isatty() if style == "auto" else style == "json"
    handler.setFormatter(JsonFormatter(facts) if as_json else ConsoleFormatter(facts))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.captureWarnings(capture=True)
    logging.getLogger("grpc").setLevel(logging.WARNING)  # its debug lines are about its own loops
    logging.getLogger("asyncio").setLevel(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # which may carry spans: a line for each sending


class JsonFormatter(logging.Formatter):
    """One JSON object to a line: time (UTC), level, logger, message, the facts, the traceback if any."""

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__()
        self._facts = facts

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._facts,
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class ConsoleFormatter(logging.Formatter):
    """Time, level and message, then the facts as name=value."""

    def __init__(self, facts: dict[str, Any]) -> None:
        who = "".join(f"{name} {value}: " for name, value in facts.items())
        super().__init__(f"%(asctime)s %(levelname)-7s {who.replace('%', '%%')}%(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, without its traceback."""
        facts = getattr(record, "facts", {})
        return super().formatMessage(record) + "".join(f" {name}={value}" for name, value in facts.items())
