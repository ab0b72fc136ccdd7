"""The loop behind pygrpc-native: takes in all the calls that have arrived, computes, answers.

The thread that takes calls in also computes: so a burst crosses the GIL once, and a lone call waits for no
other thread. When there is more work than one thread's, the batcher's own threads help. While a batch takes
long, a second thread keeps the door, so that whoever is to be refused need not wait for it.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pygrpc_native import EVENT_CANCEL, NativeGrpcFront

from digitserve_serving.access.guard import Guard, authorization
from digitserve_serving.batcher import Batcher
from digitserve_serving.call_log import calls_are_logged, log_call
from digitserve_serving.calls import Question, Read, Respond
from digitserve_serving.metrics.call_counts import CANCELLED, OK
from digitserve_serving.models import Models, ReadyModel
from digitserve_serving.row_queue import Request, Result
from digitserve_serving.runtime import Probabilities
from digitserve_serving.status import REQUEST_ID_KEY, ErrorStatus, request_id
from digitserve_serving.tracing.front import TracedFront
from digitserve_serving.vital_thread import VitalThread

EVENTS = 256  # taken in at a time, at most
ONE_IMAGE = 0  # the method whose requests are small
LEAVE_S = 0.05  # that the last answers have to leave: the library tells nobody when one has
LONG_S = 0.002  # what takes longer than this leaves the door to the doorman

Event = tuple[Any, ...]  # kind, id of the call, method, payload, client key and, with tokens, details
ClientKey = bytes | str | None  # the caller's request id when it has sent one, else its address


class _Call(NamedTuple):
    """A call under way."""

    id: int
    method: int
    client_key: ClientKey
    batcher: Batcher
    respond: Respond
    model: ReadyModel | None  # held until it has answered, or need not


class NativeLoop:
    """Answers the unary calls of a front, on a thread of its own.

    `readers` read the requests of its methods, by their paths, in their order; the first one's ask about
    one image each.
    """

    def __init__(
        self,
        front: NativeGrpcFront | TracedFront,
        readers: Mapping[str, Read],
        models: Models,
        guard: Guard,
    ) -> None:
        self._front = front
        self._new_request = front.request if isinstance(front, TracedFront) else Request
        self._receive = front.recv_batch_details if guard.wants_tokens else front.recv_batch
        self._guard = guard
        self._paths = tuple(readers)
        self._readers = tuple(readers.values())
        self._methods = tuple(path.removeprefix("/") for path in readers)
        self._models = models
        self._under_way: dict[int, Request] = {}
        self._turns = 0  # odd while the loop's own thread computes
        self._working = threading.Event()
        self._asyncio = asyncio.get_running_loop()
        self._finishing = False
        self._finished = asyncio.Event()
        self._closed = False
        self._thread = VitalThread(target=self._serve, name="native")
        self._door = VitalThread(target=self._keep_the_door, name="native-door")

    def start(self) -> None:
        """Answers calls until it is closed."""
        self._thread.start()
        self._door.start()

    async def finish(self, grace_s: float) -> None:
        """Waits until no call is under way, for `grace_s` seconds at most."""
        self._finishing = True
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), grace_s)
            await asyncio.sleep(LEAVE_S)  # or to close the front may cut off an answer that was just given

    def close(self) -> None:
        """Closes the front, and waits for the batch under way."""
        self._closed = True
        self._working.set()
        _join(self._door)  # first: only one thread is told that a front is closed
        self._front.close()
        _join(self._thread)

    def deliver(self, results: list[Result]) -> None:
        """Answers calls, on whichever thread has computed them."""
        errors: dict[int, ErrorStatus] = {}
        answers = []
        for request, outcome in results:
            call: _Call = request.key
            if isinstance(outcome, Exception):
                error = errors.get(id(outcome)) or errors.setdefault(id(outcome), ErrorStatus(outcome))
                self._fail(call.id, call.method, call.client_key, error)
            elif (answer := self._written(call, outcome)) is not None:
                answers.append((request, answer))
            self._under_way.pop(call.id, None)
        self._models.calls.answered([self._methods[request.key.method] for request, _ in answers])
        # All at once, when all are written: each handing over may wake another thread.
        logged = calls_are_logged()
        for request, answer in answers:
            told = self._log(OK, request) if logged else None
            self._front.respond(request.key.id, answer, None, told)
        self._note_finished()

    def _note_finished(self) -> None:
        if self._finishing and not self._under_way:
            self._asyncio.call_soon_threadsafe(self._finished.set)

    def _serve(self) -> None:
        patience_ms = None
        while self._take_in(patience_ms, wake=False):
            patience_ms = self._compute()

    def _take_in(self, patience_ms: int | None, *, wake: bool) -> bool:
        """Takes in all that has arrived, or waits for the next; whether the front is still open."""
        events: Sequence[Event] | None = self._receive(EVENTS, patience_ms)
        overload = self._overload()
        asked: dict[Batcher, list[Request]] = {}
        cancelled = []
        for event in events or ():
            if event[0] == EVENT_CANCEL:
                cancelled.append(event[1])
            elif question := self._question(event, overload):
                request = self._request(event, question)
                asked.setdefault(question.model.batcher, []).append(request)
        for batcher, requests in asked.items():
            self.deliver([Result(*refused) for refused in batcher.submit(requests, wake=wake)])
        for call_id in cancelled:
            self._cancel(call_id)
        return events is not None

    def _overload(self) -> ErrorStatus | None:
        """Why single images are refused unread, if they are: reading is a sixth of what answering takes."""
        batchers = self._models.batchers()
        refusals = [refusal for batcher in batchers if (refusal := batcher.refusal(1))]
        return ErrorStatus(refusals[0]) if refusals and len(refusals) == len(batchers) else None

    def _question(self, event: Event, overload: ErrorStatus | None) -> Question | None:
        """What a call asks; None when it was refused, and has been told so."""
        _, call_id, method, payload, client_key, *details = event
        try:
            # Without tokens these methods are open to all, and there are no details.
            caller = details and self._guard.admit(self._paths[method], authorization(details[0][0]))
            if overload and method == ONE_IMAGE:
                self._fail(call_id, method, client_key, overload)
                return None
            question = self._readers[method](payload or b"")
            if caller:
                caller.take_rows(len(question.images))
            return question
        except Exception as error:
            self._fail(call_id, method, client_key, ErrorStatus(error))
            return None

    def _request(self, event: Event, question: Question) -> Request:
        _, call_id, method, _, client_key, *_ = event
        model = question.model
        call = _Call(call_id, method, client_key, model.batcher, question.respond, model)
        request = self._under_way[call_id] = self._new_request(question.images, self, call)
        return request

    def _cancel(self, call_id: int) -> None:
        if request := self._under_way.pop(call_id, None):
            request.key.batcher.cancel(request)
            request.key = request.key._replace(model=None)  # the request may stay in the queue for good
            self._models.calls.cancelled(self._methods[request.key.method])
            if calls_are_logged():
                self._log(CANCELLED, request)
            self._note_finished()

    def _compute(self) -> int | None:
        """Runs what is due; how long to wait for the next calls then: for good when nothing is left."""
        self._turns += 1
        if not self._working.is_set():
            self._working.set()
        batchers = self._models.batchers()
        for batcher in batchers:
            batcher.work()
        self._turns += 1
        for batcher in batchers:
            batcher.gather()
        return 0 if any(batcher.queued_rows for batcher in batchers) else None

    def _keep_the_door(self) -> None:
        """Takes calls in while one turn of the loop takes long. Costs nothing while nobody calls."""
        while self._working.wait() and not self._closed:
            turn = self._turns
            time.sleep(LONG_S)
            if turn % 2:
                while self._turns == turn and not self._closed:
                    self._take_in(0, wake=True)
                    time.sleep(LONG_S)
            elif self._turns == turn:
                self._working.clear()
                if self._turns != turn or self._closed:  # it has just begun, and has not seen this
                    self._working.set()

    def _written(self, call: _Call, outcome: Probabilities) -> bytes | None:
        """The answer to a call; None when that has failed, and the caller has been told so."""
        try:
            return call.respond(outcome)
        except Exception as error:
            self._fail(call.id, call.method, call.client_key, ErrorStatus(error))
            return None

    def _log(self, code: str, request: Request) -> tuple[tuple[str, str], ...]:
        """Logs the end of a call; returns the metadata that tells its request id."""
        used = _request_id(request.key.client_key)
        log_call(self._methods[request.key.method], code, used, time.monotonic() - request.arrived)
        return ((REQUEST_ID_KEY, used),)

    def _fail(self, call_id: int, method: int, client_key: ClientKey, error: ErrorStatus) -> None:
        used = _request_id(client_key)
        status = error.for_request(used)
        self._models.calls.failed(self._methods[method], status)
        if calls_are_logged():
            log_call(self._methods[method], status.code.name, used)
        self._front.fail(call_id, status.code.value[0], status.message, status.trailing_metadata)


def _request_id(client_key: ClientKey) -> str:
    return request_id(client_key.decode("ascii", "replace") if isinstance(client_key, bytes) else "")


def _join(thread: threading.Thread) -> None:
    if thread.ident:
        thread.join()
