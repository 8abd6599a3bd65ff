"""Downloads of the audit trail, streamed: memory doesn't grow with what is exported.

Rule 1: what can't be brought to its end is cut: it never looks whole.
"""

import io
import queue
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from exeat.admin import answers
from exeat.admin.answering import Documented, reads
from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.trail import STATUS, STATUS_WORDS, Since, Until, Where, parse_search, parse_when
from exeat.store.export import Format, export
from exeat.store.search import Query as Search

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["audit"])
AT_ONCE = 4
BLOCK_BYTES = 256 << 10
BLOCKS_AHEAD = 4
LOOK_S = 1.0
TYPES: dict[Format, str] = {"jsonl": "application/jsonl", "csv": "text/csv"}


class GoneError(Exception):
    """Nobody takes any more of an export."""


class Export:
    """One export, made in a thread of its own: blocks of bytes, an error that has ended it, None at its end."""

    def __init__(self, engine: Engine, form: Format, query: Search, *, sealed: bool, done: Callable[[], None]) -> None:
        self._engine = engine
        self._form = form
        self._query = query
        self._sealed = sealed
        self._done = done
        self._blocks: queue.Queue[bytes | Exception | None] = queue.Queue(BLOCKS_AHEAD)
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exporting", daemon=True)

    def begin(self) -> None:
        """Begin to read."""
        self._thread.start()

    def leave(self) -> None:
        """Take no more."""
        self._gone.set()

    def next(self) -> bytes | None:
        """The next block, None after the last one; what has ended the export is raised."""
        block = self._blocks.get()
        if isinstance(block, Exception):
            raise block
        return block

    def put(self, block: bytes | Exception | None) -> None:
        """Give a block; GoneError where nobody takes it."""
        while not self._gone.is_set():
            with suppress(queue.Full):
                self._blocks.put(block, timeout=LOOK_S)
                return
        raise GoneError

    def _run(self) -> None:
        end: Exception | None = None
        try:
            with io.BufferedWriter(_Blocks(self), BLOCK_BYTES) as out:
                export(self._engine, out, self._form, self._query, sealed=self._sealed)
        except Exception as error:  # noqa: BLE001 - a boundary: who takes the blocks raises it
            end = error
        finally:
            self._done()
        with suppress(GoneError):
            self.put(end)


class _Blocks(io.RawIOBase):
    """A file whose content is taken block by block."""

    def __init__(self, taker: Export) -> None:
        self._taker = taker

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self._taker.put(bytes(block))
        return len(block)


class Download(StreamingResponse):
    """The answer that carries an export."""

    def __init__(self, exporting: Export, form: Format) -> None:
        name = f"exeat-records-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        super().__init__(_blocks_of(exporting), media_type=TYPES[form], headers=headers)
        self._export = exporting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it, or as much as somebody takes."""
        try:
            self._export.begin()
            await super().__call__(scope, receive, send)
        finally:
            self._export.leave()


async def _blocks_of(exporting: Export) -> AsyncIterator[bytes]:
    while (block := await run_in_threadpool(exporting.next)) is not None:
        yield block


def _documented() -> Documented:
    found: dict[int | str, dict[str, Any]] = {**reads(answers.Records, Code.OVERLOADED)}
    schema = {"schema": {"type": "string"}}
    found[200] = {"description": "The records.", "content": dict.fromkeys(TYPES.values(), schema)}
    return found


@router.get(
    "/audit/export",
    operation_id="export_audit",
    status_code=200,
    response_class=StreamingResponse,
    responses=_documented(),
)
def export_audit(
    request: Request,
    form: Annotated[Literal["jsonl", "csv"], Query(alias="format", description="JSON Lines or CSV.")] = "jsonl",
    sealed: Annotated[  # noqa: FBT002 - a query parameter
        bool,
        Query(description="Whole batches with their seals, which can be verified by themselves; of a time alone."),
    ] = False,
    where: Where = None,
    status: Annotated[str | None, Query(max_length=6, description=STATUS_WORDS, json_schema_extra=STATUS)] = None,
    since: Since = None,
    until: Until = None,
    text: Annotated[str | None, Query(max_length=200, description="Part of the path, in any case.")] = None,
) -> Download:
    """Records as a file, oldest first, as `exeat audit export` writes it."""
    services: Services = request.app.state.services
    now_us = services.now_us()
    times = {"since": parse_when(since, now_us), "until": parse_when(until, now_us)}
    query = parse_search(where=where, status=status, text=text, **times)
    if sealed and (query.fields or query.status or query.text):
        raise Refusal(
            Code.MALFORMED_REQUEST,
            "A sealed export has whole batches: ask for a range of time alone, or without `sealed`.",
        )
    slots: threading.Semaphore = request.app.state.exports
    if not slots.acquire(blocking=False):
        raise Refusal(Code.OVERLOADED, f"{AT_ONCE} exports are under way already.", retry_after_s=5.0)
    return Download(Export(services.engine, form, query, sealed=sealed, done=slots.release), form)
