"""Whether the audit trail is what was recorded: one record's place in it, and a verification of all of it.

Rule 1: one verification runs at a time, in a thread of its own: it reads every record that there is.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine
from starlette.responses import JSONResponse

from exeat.admin import running_answers as answers
from exeat.admin.answering import asks, reads
from exeat.admin.codes import Code
from exeat.admin.refusal import Fault, Refusal, invalid
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.admin.trail import parse_when
from exeat.store.database import reading
from exeat.store.failure import StoreError
from exeat.store.proof import find_proof
from exeat.store.trail import read_chains
from exeat.store.verify import ChainVerdict, verify

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["audit"])
When = Annotated[str | None, Field(max_length=40, description="As in GET /records; all of the trail without both.")]


class Range(BaseModel):
    """What to verify: the batches that reach into a range of time."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    since: When = None
    until: When = None


@dataclass(slots=True)
class Verifying:
    """One verification; times in µs."""

    since: int | None = None
    until: int | None = None
    state: str = "none"
    started_at: int | None = None
    ended_at: int | None = None
    done: int = 0
    total: int | None = None
    chains: tuple[ChainVerdict, ...] = ()
    reason: str | None = None
    thread: threading.Thread | None = field(default=None, repr=False)

    def run(self, engine: Engine, now_us: Callable[[], int], report: Callable[[Exception, str], None]) -> None:
        """Verify."""
        try:
            if self.since is None and self.until is None:
                self.total = _count(engine)
            verdict = verify(engine, since=self.since, until=self.until, progress=self._note)
        except StoreError as error:
            self.state, self.reason = "failed", str(error)
        except Exception as error:  # noqa: BLE001 - a boundary: the outermost one of its thread
            report(error, "")
            self.state, self.reason = "failed", "it met a fault of Exeat; the log says more"
        else:
            self.done, self.chains = verdict.records, verdict.chains
            self.state = "faulty" if verdict.faults else "verified"
        self.ended_at = now_us()

    def _note(self, records: int) -> None:
        self.done = records


def _count(engine: Engine) -> int:
    with reading(engine) as connection:
        return sum(chain.state.record - chain.pruned.record for chain in read_chains(connection))


@router.post("/audit/verify", operation_id="verify_audit", responses=asks(answers.Verification, Code.INVALID))
def verify_audit(request: Request, wanted: Range) -> JSONResponse:
    """Begin to verify the audit trail, unless that is being done already; how far it is, GET says."""
    services: Services = request.app.state.services
    now_us = services.now_us()
    verifying = Verifying(_time(wanted.since, "/since", now_us), _time(wanted.until, "/until", now_us))
    with request.app.state.lock_of_verifying:
        running: Verifying = request.app.state.verifying
        if running.state == "running":
            return JSONResponse(_show(running))
        verifying.state, verifying.started_at = "running", now_us
        work = (services.engine, services.now_us, services.report)
        verifying.thread = threading.Thread(target=verifying.run, args=work, name="verifying", daemon=True)
        request.app.state.verifying = verifying
        verifying.thread.start()
    return JSONResponse(_show(verifying))


@router.get("/audit/verify", operation_id="get_verification", responses=reads(answers.Verification))
def get_verification(request: Request) -> JSONResponse:
    """How far the last verification is, and what it has found."""
    return JSONResponse(_show(request.app.state.verifying))


def _time(text: str | None, pointer: str, now_us: int) -> int | None:
    try:
        return parse_when(text, now_us)
    except Refusal as refusal:
        raise invalid(Fault(pointer, refusal.detail)) from None


def _show(verifying: Verifying) -> dict[str, Any]:
    return {
        "state": verifying.state,
        "started_at": render_time(verifying.started_at),
        "ended_at": render_time(verifying.ended_at),
        "since": render_time(verifying.since),
        "until": render_time(verifying.until),
        "done": verifying.done,
        "total": verifying.total,
        "chains": [_show_chain(chain) for chain in verifying.chains],
        "reason": verifying.reason,
    }


def _show_chain(chain: ChainVerdict) -> dict[str, Any]:
    head, fault = chain.head, chain.fault
    return {
        "chain": chain.chain,
        "batches": chain.batches,
        "records": chain.records,
        "head": {"batch": head.batch, "record": head.record, "hash": head.hash.hex()},
        "pruned": chain.pruned.record,
        "missing": [{"first": gap.first, "last": gap.last, "recorded": gap.is_recorded} for gap in chain.missing],
        "fault": None if fault is None else {"batch": fault.batch, "record": fault.record, "detail": fault.sentence},
    }


@router.get("/records/{id}/proof", operation_id="get_proof", responses=reads(answers.ProofShown, Code.NOT_FOUND))
def get_proof(
    request: Request,
    id: Annotated[str, Path(max_length=200, description="The record's id.")],  # noqa: A002 - the name in the path
) -> JSONResponse:
    """A record's place in its chain, and whether the batch that it was sealed in is what was sealed."""
    services: Services = request.app.state.services
    proof = find_proof(services.engine, id)
    if proof is None:
        raise Refusal(Code.NOT_FOUND, f"There is no record '{id}'.")
    seal = proof.seal
    shown = None
    if seal is not None:
        shown = {
            "number": seal.number,
            "first": seal.first,
            "size": seal.size,
            "oldest": render_time(seal.oldest),
            "newest": render_time(seal.newest),
            "previous": seal.previous.hex(),
            "hash": seal.hash.hex(),
        }
    return JSONResponse(
        {"id": id, "chain": proof.chain, "number": proof.number, "seal": shown, "matches": proof.matches}
    )
