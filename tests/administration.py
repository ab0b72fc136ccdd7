"""What a caller needs who may do everything: a file with its token, and channels that show it."""

from pathlib import Path
from typing import Any

import grpc.aio
from digitserve_serving.access.tokens import entry, new_token

TOKEN = new_token()


def tokens_file(folder: Path) -> Path:
    """A file with TOKEN, which may do everything."""
    path = folder / "administrators.toml"
    path.write_text(entry(TOKEN, "administrator", ("infer", "admin")))
    return path


def admin_flags(folder: Path) -> tuple[str, ...]:
    """Flags of a server that takes admin calls from whoever has TOKEN."""
    return ("--admin", "--tokens-file", str(tokens_file(folder)))


def shows(token: str) -> list[Any]:
    """Interceptors that show a token with each call."""
    return [_Single(token), _Stream(token)]


class _ShowsToken:
    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def _more(self, details: Any) -> Any:
        return details._replace(metadata=grpc.aio.Metadata(*(details.metadata or ()), self._header))


class _Single(_ShowsToken, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(self._more(details), request)


class _Stream(_ShowsToken, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return await continuation(self._more(details), requests)
