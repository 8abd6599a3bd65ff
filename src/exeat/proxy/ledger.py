"""What a worker puts down of its exchanges: their access lines and, where there is a journal, what proves them.

Rule 1: an intent is safe before anything of its request is sent, a record before its answer is complete: both are
written at the end of a turn of the loop, before anything that the turn has to send.
Rule 2: an exchange whose intent can't be kept isn't sent.
"""

import asyncio
from typing import final

from exeat.errors import Code, GatewayError
from exeat.journal.writer import Journal
from exeat.model.audit import KeptBody
from exeat.model.snapshot import Audit
from exeat.proxy.capture import Capture, Seal, digests_of
from exeat.proxy.exchange import Exchange
from exeat.proxy.outbox import Outbox
from exeat.proxy.record import intent_of, members_of
from exeat.telemetry.access_log import Clock, Members, Render, render_json, render_record
from exeat.telemetry.lines import Lines
from exeat.telemetry.logs import Log


@final
class Ledger:
    """The access lines of one worker, rendered by `render` onto `lines` (None: there are none), and its journal.

    `seal` seals bodies that are to be kept; without it none is.
    """

    def __init__(
        self, lines: Lines, render: Render | None, log: Log, journal: Journal | None = None, seal: Seal | None = None
    ) -> None:
        self._lines = lines
        self._render = render
        self._is_json = render is render_json
        self._log = log
        self._journal = journal
        self._seal = seal
        self._outbox: Outbox
        self._active: set[Exchange]
        self._waiting: list[bytes] = []
        self._intended: list[Exchange] = []
        self._clock = Clock()
        self._goes_on = False
        self._failure: str | None = None

    def serve(self, outbox: Outbox, active: set[Exchange]) -> None:
        """Come before whatever an outbox sends; `active` are the exchanges under way, now and later."""
        self._outbox = outbox
        self._active = active
        if self._journal is not None:
            outbox.before = self._commit

    def follow(self, audit: Audit) -> None:
        """Keep records as a snapshot says."""
        self._goes_on = audit.goes_on
        if self._journal is not None:
            self._journal.to_disk = audit.to_disk

    @property
    def is_open(self) -> bool:
        """Whether the records of new exchanges can be kept."""
        return self._journal is None or self._journal.is_open

    @property
    def failure(self) -> str | None:
        """Why no records can be kept now; None while they are."""
        return None if self._journal is None else self._journal.failure

    def intend(self, exchange: Exchange) -> None:
        """Put down that an exchange is about to be sent; GatewayError if that can't be kept."""
        journal = self._journal
        if journal is None:
            return
        if not journal.is_open and not self._goes_on:
            raise no_record()
        exchange.time = time = self._clock.render(exchange.began_at)
        exchange.intent = intent = intent_of(exchange, time)
        journal.intend(intent)
        self._intended.append(exchange)
        self._outbox.make_due()
        upstream = None if exchange.permit is None else exchange.permit.upstream
        if upstream is not None and upstream.bodies is not None and self._seal:
            exchange.capture = Capture(upstream.bodies)
            exchange.capture.request.describe(exchange.head_or_raise)
            if exchange.gathered:  # it was needed to find out who calls
                exchange.capture.request.take(exchange.gathered)

    def record(self, exchange: Exchange, now: float) -> Members:
        """Put down how an exchange ended, and return it; `now` is the monotonic clock."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        kept = [] if exchange.capture is None else self._keep(exchange, exchange.capture)
        members = self.members(exchange, now)
        if kept:
            members["bodies"] = digests_of(kept)
        journal, render = self._journal, self._render
        if journal is None:
            if render is not None:
                self._waiting.append(render(members))
            return members
        record = render_record(members)
        if render is not None:
            self._waiting.append(record + b"\n" if self._is_json else render(members))
        error = exchange.error
        journal.record(record, may_be_lost=error is not None and error == Code.AUDIT_UNAVAILABLE)
        self._outbox.make_due()
        return members

    def _keep(self, exchange: Exchange, capture: Capture) -> list[KeptBody]:
        """Seal what is kept of an exchange's bodies, and put it down before its record."""
        permit, journal, seal = exchange.permit, self._journal, self._seal
        if journal is None or seal is None or permit is None or permit.upstream is None:
            return []
        sealed = capture.seal(exchange.id, exchange.began_at, exchange.needles, seal)
        return [body for body in sealed if journal.keep(body)]

    def members(self, exchange: Exchange, now: float) -> Members:
        """The members of an exchange's record."""
        return members_of(exchange, exchange.time or self._clock.render(exchange.began_at), now)

    def _commit(self) -> bool:
        """Make safe what was put down; whether it is. What waits for it and may not be sent is ended."""
        journal, intended = self._journal, self._intended
        if journal is None or not journal.has_pending:
            return True
        if intended:
            self._intended = []
        if journal.commit(seals=False):
            return True
        for exchange in intended:
            if exchange in self._active and not self._goes_on:
                exchange.intent = None
                exchange.drive.interrupt(no_record())
        return False

    def flush(self) -> None:
        """Write the access lines that wait."""
        lines, self._waiting = self._waiting, []
        self._lines.write(lines)

    def tend(self) -> None:
        """Visit of the clock: room for what comes, and a word where records can't be kept."""
        self._lines.retry()
        journal = self._journal
        if journal is None:
            return
        journal.tend(len(self._active))
        if journal.failure != self._failure:
            self._failure = journal.failure
            if self._failure is None:
                self._log.info("records are kept again", lost=journal.lost)
            else:
                self._log.error("records can't be kept", reason=self._failure, refuses=not self._goes_on)

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        if self._journal is not None:
            self._journal.close()


def no_record(*, closes: bool = False) -> GatewayError:
    """No record of an exchange can be kept, so that it may not begin."""
    detail = "The gateway can't keep a record of this exchange."
    return GatewayError(Code.AUDIT_UNAVAILABLE, detail, untouched=True, closes=closes)
