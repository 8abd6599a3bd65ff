"""The way of every change: edit, look at the whole, put down a record, keep it; or leave everything as it was.

Rule 1: what the whole becomes is compiled before it is kept; a problem undoes all of it, unless there were more before:
somebody has to be able to mend what a file has broken, one thing at a time. Records may be written meanwhile.
Rule 2: a change is recorded before it is kept; one that can't be recorded isn't made, and one that is recorded but
can't be kept has a second record, `undo`.
Rule 3: one edit at a time in this process: who waits for the database's lock must not hold what the editor needs.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from starlette.responses import JSONResponse

from exeat.admin.caller import Caller
from exeat.admin.codes import Code
from exeat.admin.pointers import Focus, faults_of
from exeat.admin.refusal import Fault, Refusal, invalid, render_fault
from exeat.admin.services import Document, Services
from exeat.admin.versions import TAGS, Versions, parse_versions, tag
from exeat.model.stored import Stored
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import Edit, editing
from exeat.store.configuration.revisions import Change
from exeat.store.configuration.stored import read_stored

EVERYTHING = Focus()
WAIT_S = 30.0


class _NothingKept(Exception):  # noqa: N818 - no error: how a dry run leaves a transaction
    pass


@dataclass(slots=True)
class Writing:
    """One request's change. After `edit` it has the change's number, what was changed, and what is to be said of it."""

    services: Services
    lock: threading.Lock
    caller: Caller
    versions: Versions
    dry_run: bool
    why: str
    revision: int = 0
    changes: Sequence[Change] = ()
    warnings: Sequence[Fault] = ()
    faults: Sequence[Fault] = ()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self.lock.acquire(timeout=WAIT_S):
            raise Refusal(Code.OVERLOADED, "Other changes are still being made.", retry_after_s=1.0)
        try:
            yield
        finally:
            self.lock.release()

    @contextmanager
    def edit(self, focus: Focus = EVERYTHING, *, mends: bool = False, compiles: bool = True) -> Iterator[Edit]:
        """A transaction; what stands at its end is judged, recorded and kept.

        `focus` is what the body describes. Where there are problems already, a change is made that takes one away, and
        one that `mends` if it only adds none. A change that doesn't touch what is compiled says so.
        """
        author = Author(self.caller.actor, self.why)
        services = self.services
        recorded: list[Change] = []
        try:
            with (
                self._turn(),
                suppress(_NothingKept),
                editing(services.engine, author, now_us=services.now_us(), sealer=services.sealer) as edit,
            ):
                yield edit
                if compiles:
                    after = edit.stored()
                    with edit.aside():
                        self._judge(after, focus, mends=mends)
                self.revision, self.changes = edit.revision, tuple(edit.changes)
                self._settle(recorded)
        except Exception:
            self._take_back(recorded)
            raise
        if self.changes and not self.dry_run:
            services.changed(self.revision)

    def answer(self, body: Mapping[str, Any], revision: int | None = None, status: int = 200) -> JSONResponse:
        """The answer to the change: what it made, or for a dry run what it would."""
        if self.dry_run:
            return self.preview()
        headers = {} if revision is None else {"ETag": tag(revision)}
        return JSONResponse({**body, "warnings": [render_fault(fault) for fault in self.warnings]}, status, headers)

    def preview(self) -> JSONResponse:
        """What a dry run answers."""
        return JSONResponse(
            {
                "problems": [render_fault(fault) for fault in self.faults],
                "warnings": [render_fault(fault) for fault in self.warnings],
                "changes": [render_change(change) for change in self.changes],
            }
        )

    def refuse(self, faults: Sequence[Fault], more: Callable[[], Iterable[Fault]] = tuple) -> None:
        """Refuse a body for faults found before anything is changed, if there are any.

        `more` finds what else is wrong with it: it is all said at once.
        """
        if faults:
            known = {fault.pointer for fault in faults}
            raise invalid(*faults, *(fault for fault in more() if fault.pointer not in known))

    def find_faults(self, document: Document, focus: Focus) -> list[Fault]:
        """What is wrong with a body, were this the database's document; no fault of anything else."""
        stored = replace(read_stored(self.services.engine), document=document)
        problems = self.services.check(stored).problems
        return faults_of(problems, focus, document, self.services.outside().document, elsewhere=False)

    def _judge(self, after: Stored, focus: Focus, *, mends: bool) -> None:
        outside = self.services.outside().document
        checked = self.services.check(after)
        is_whole = focus.kind == ""
        self.warnings = faults_of(checked.warnings, focus, after.document, outside, elsewhere=is_whole)
        faults = faults_of(checked.problems, focus, after.document, outside)
        if not faults:
            return
        before = read_stored(self.services.engine)
        known = faults_of(self.services.check(before).problems, focus, before.document, outside)
        is_worse = not {(fault.path, fault.message) for fault in faults} <= {
            (fault.path, fault.message) for fault in known
        }
        if not is_worse and (mends or len(faults) < len(known)):
            self.warnings = [*faults, *self.warnings]
            return
        self.faults = faults
        if not self.dry_run:
            raise invalid(*faults)

    def _settle(self, recorded: list[Change]) -> None:
        """Record everything, so that it may be kept; a dry run ends here."""
        if self.dry_run:
            raise _NothingKept
        for change in self.changes:
            before, after = members_of(change.before), members_of(change.after)
            if not self.services.audit(self.caller.actor, change.action, what_of(change), before, after):
                raise Refusal(Code.AUDIT_UNAVAILABLE, f"'{change.action} {what_of(change)}' couldn't be recorded.")
            recorded.append(change)

    def _take_back(self, recorded: Sequence[Change]) -> None:
        """Record that what is recorded was not kept after all."""
        for change in reversed(recorded):
            before, after = members_of(change.after), members_of(change.before)
            self.services.audit(self.caller.actor, "undo", what_of(change), before, after)


def what_of(change: Change) -> str:
    """As records call what is changed."""
    return f"{change.kind}/{change.name}"


def members_of(value: object) -> Mapping[str, Any] | None:
    """A record has objects alone; the one section that is a list stands in one."""
    return value if value is None or isinstance(value, Mapping) else {"data": value}


def render_change(change: Change) -> dict[str, Any]:
    """A change as answers have it."""
    return {
        "kind": change.kind,
        "name": change.name,
        "action": change.action,
        "before": change.before,
        "after": change.after,
    }


def _begin(
    request: Request,
    dry_run: Annotated[bool, Query(description="Say what would change, and change nothing.")] = False,  # noqa: FBT002 - a query parameter
    why: Annotated[
        str, Query(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$", description="The reason; the revision keeps it.")
    ] = "",
    if_match: Annotated[
        str | None, Header(description="The ETag of what is changed.", json_schema_extra={"pattern": TAGS})
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="`*`: only if there is none yet.", json_schema_extra={"pattern": r"^\*$"})
    ] = None,
) -> Writing:
    state = request.app.state
    versions = parse_versions(if_match, if_none_match)
    return Writing(state.services, state.lock, request.state.caller, versions, dry_run, why)


Write = Annotated[Writing, Depends(_begin)]
