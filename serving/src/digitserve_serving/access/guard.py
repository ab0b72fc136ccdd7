"""Who may call what, and how much of it, whatever carries the calls."""

import asyncio
import hmac
from collections.abc import Iterable
from contextvars import ContextVar

from digitserve_serving.access.methods import ADMIN_METHODS, OPEN_METHODS, scope_for
from digitserve_serving.access.rates import KEY_BYTES, Levels, TokenBucket, TooManyRates
from digitserve_serving.access.tokens import Token, digest, read_tokens
from digitserve_serving.access.watched import BadFile, WatchedFiles
from digitserve_serving.errors import MissingScope, ModelControlOff, RateExceeded, Unauthenticated
from digitserve_serving.settings import Settings

AUTHORIZATION_KEY = "authorization"
BEARER = b"bearer "
LOOK_AGAIN_S = 0.5  # so long may a token still work that was taken out of the file


class Caller:
    """Who calls: a token, and what it has used of its rates."""

    def __init__(self, token: Token, levels: Levels) -> None:
        """Raises TooManyRates."""
        self.token = token
        self.digest = bytes.fromhex(token.sha256)
        calls, rows = self.digest[:KEY_BYTES], self.digest[KEY_BYTES:]  # keys that no other token has
        self._calls = TokenBucket(token.calls_per_s, calls, levels) if token.calls_per_s else None
        self._rows = TokenBucket(token.rows_per_s, rows, levels) if token.rows_per_s else None

    def take_call(self) -> None:
        """Raises RateExceeded."""
        if self._calls and (wait_s := self._calls.take(1)):
            raise RateExceeded("calls", self.token.calls_per_s or 0, wait_s)

    def take_rows(self, rows: int) -> None:
        """Raises RateExceeded."""
        if self._rows and (wait_s := self._rows.take(rows)):
            raise RateExceeded("images", self.token.rows_per_s or 0, wait_s)


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""Who calls, where calls are coroutines; None where nobody needs a token."""


class Guard:
    """Decides on each call before anything else looks at it."""

    def __init__(self, settings: Settings, levels: Levels | None = None) -> None:
        """`levels` are where other processes count the same rates. Raises BadFile."""
        self._levels = levels or Levels()
        self._admin = settings.admin
        self._path = settings.tokens_file
        self._known: dict[Token, Caller] = {}
        self._callers = self._path and WatchedFiles([self._path], self._read, every_s=LOOK_AGAIN_S)

    @property
    def wants_tokens(self) -> bool:
        """Whether callers need a token."""
        return self._callers is not None

    def admit(self, method: str, authorization: str | bytes) -> Caller | None:
        """Whoever may call `method`, written /service/method, with this header; None where all may.

        Raises Unauthenticated, MissingScope, ModelControlOff and RateExceeded.
        """
        if method in OPEN_METHODS:
            return None
        caller = self._caller(authorization)
        if method in ADMIN_METHODS and not self._admin:
            raise ModelControlOff
        if caller:
            if (wanted := scope_for(method)) not in caller.token.scopes:
                raise MissingScope(wanted.value)
            caller.take_call()
        return caller

    def _caller(self, authorization: str | bytes) -> Caller | None:
        if not self._callers:
            return None
        sent = authorization.encode() if isinstance(authorization, str) else authorization
        if sent[: len(BEARER)].lower() != BEARER:
            raise Unauthenticated(sent=bool(sent))
        hashed = digest(sent[len(BEARER) :])
        # All of them are compared, each in constant time: how long it takes tells nothing of any.
        found = [caller for caller in self._callers.content() if hmac.compare_digest(caller.digest, hashed)]
        if not found:
            raise Unauthenticated(sent=True)
        return found[0]

    def _read(self) -> list[Caller]:
        """The callers of the file; who was there before keeps what has been used."""
        assert self._path  # noqa: S101  # else nobody reads it
        known, tokens = self._known, read_tokens(self._path)
        try:
            self._known = {token: known.get(token) or Caller(token, self._levels) for token in tokens}
        except TooManyRates as error:
            raise BadFile(f"--tokens-file {self._path}: {error}") from error
        return list(self._known.values())


def authorization(metadata: Iterable[tuple[str, str | bytes]] | None) -> str | bytes:
    """The header that has the token; "" without."""
    for key, value in metadata or ():
        if key == AUTHORIZATION_KEY:
            return value
    return ""


async def take_rows(rows: int, *, wait: bool) -> None:
    """Counts images against the rate of whoever calls. Raises RateExceeded, or with `wait` waits."""
    caller = CALLER.get()
    if not caller:
        return
    while True:
        try:
            caller.take_rows(rows)
        except RateExceeded as error:
            if not wait:
                raise
            await asyncio.sleep(error.retry_after_s)
        else:
            return
