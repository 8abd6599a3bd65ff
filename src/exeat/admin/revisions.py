"""Revisions: every change of the configuration with its number, and the way back to an earlier one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.paging import Paged, answer_page
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.admin.writing import Write, render_change
from exeat.store.configuration.revisions import Revision, get_revision, list_revisions, roll_back
from exeat.store.configuration.stored import read_revision

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["revisions"])
LARGEST = 2**62
SUMMED_UP = 20
Number = Annotated[int, Path(ge=0, le=LARGEST, description="The revision's number; 0 is before the first change.")]


@router.get("/revisions", operation_id="list_revisions", responses=reads(answers.Revisions))
def list_all(request: Request, page: Paged) -> JSONResponse:
    """The changes of the configuration, newest first."""
    services: Services = request.app.state.services
    if page.after is not None and not (page.after.isdecimal() and int(page.after) <= LARGEST):
        raise Refusal(Code.MALFORMED_REQUEST, "The parameter `after` isn't one that a page gave.")
    before = None if page.after is None else int(page.after)
    found = list_revisions(services.engine, before=before, limit=page.limit + 1)
    return answer_page([_short(revision) for revision in found], page.limit, "number")


@router.get("/revisions/{number}", operation_id="get_revision", responses=reads(answers.Revision, Code.NOT_FOUND))
def get_one(request: Request, number: Number) -> JSONResponse:
    """One change, whole: what was before and what was after, without secrets."""
    revision = get_revision(request.app.state.services.engine, number)
    if revision is None:
        raise _absent(number)
    return JSONResponse({**_short(revision), "changes": [render_change(change) for change in revision.changes]})


@router.post(
    "/revisions/{number}/rollback",
    operation_id="roll_back",
    responses=changes(answers.Applied, Code.NOT_FOUND, Code.STALE, versioned=False),
)
def roll_back_to(write: Write, number: Number) -> JSONResponse:
    """Make upstreams, consumers, destinations and sections what they were after a revision.

    This is a change like any other, with a number of its own. Keys, credentials and administrators stay as they are:
    what was revoked stays revoked.
    """
    if number and get_revision(write.services.engine, number) is None:
        raise _absent(number)
    write.why = write.why or f"back to revision {number}"
    with write.edit() as edit:
        write.versions.judge_if_based(read_revision(write.services.engine), "configuration")
        roll_back(edit, number)
    shown = [render_change(change) for change in write.changes]
    return write.answer({"revision": write.revision, "changes": shown}, write.revision)


def _absent(number: int) -> Refusal:
    return Refusal(Code.NOT_FOUND, f"There is no revision {number}.")


def _short(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "time": render_time(revision.time),
        "who": revision.who,
        "why": revision.why,
        "count": len(revision.changes),
        "summary": [f"{change.action} {change.kind}/{change.name}" for change in revision.changes[:SUMMED_UP]],
    }
