"""`exeat audit verify`: whether the trail, or an export of it, is what was recorded."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from exeat.cli.audit.database import UsageError, now, with_trail
from exeat.cli.audit.export import check_form
from exeat.cli.audit.progress import counting
from exeat.cli.audit.query import parse_when
from exeat.cli.output import FAILED, FINE, complain, say, say_json
from exeat.model.audit import ChainState
from exeat.store.failure import StoreError
from exeat.store.verify import ChainVerdict, Verdict, verify
from exeat.store.verify_export import verify_export
from exeat.telemetry.access_log import printable


def verify_trail(file: Path | None, *, since: str | None, until: str | None, heads: Path | None, as_json: bool) -> int:
    """Print what was found; exit code 1 if something is wrong."""
    is_part = not (since is None and until is None)
    if heads is not None and (is_part or file is not None):
        return complain(["--heads: can be compared with the whole trail of the database only; leave out the rest"])
    if file is not None and is_part:
        return complain(["an export is verified whole; leave out --since and --until"])
    if file is not None:
        try:
            with counting("verified") as progress:
                return _tell(verify_export(file, check_form(file), progress=progress), as_json=as_json)
        except UsageError as error:
            return complain([error])
        except StoreError as error:
            complain([error])
            return FAILED

    def work(engine: Engine) -> int:
        begin = None if since is None else parse_when(since, now())
        end = None if until is None else parse_when(until, now())
        known = None if heads is None else _read_heads(heads)
        with counting("verified") as progress:
            verdict = verify(engine, since=begin, until=end, heads=known, progress=progress)
        return _tell(verdict, as_json=as_json)

    return with_trail(work)


def _read_heads(file: Path) -> dict[str, ChainState]:
    """The heads that an earlier verification printed; UsageError if the file holds none."""
    try:
        chains = json.loads(file.read_text("utf-8"))["chains"]
        return {chain["chain"]: _head_of(chain["head"]) for chain in chains}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--heads {file}: isn't what `exeat audit verify --json` prints") from error


def _head_of(members: dict[str, Any]) -> ChainState:
    return ChainState(members["batch"], members["record"], bytes.fromhex(members["hash"]))


def _tell(verdict: Verdict, *, as_json: bool) -> int:
    if as_json:
        say_json({"verified": not verdict.faults, "chains": [_members(chain) for chain in verdict.chains]})
        return FAILED if verdict.faults else FINE
    for chain in verdict.chains:
        say(printable(_line(chain)))
    if verdict.faults:
        complain([printable(str(fault)) for fault in verdict.faults])
        return FAILED
    say(f"Verified: {verdict.records:,} records in {len(verdict.chains)} chains; none was edited, removed or inserted.")
    if verdict.missing:
        say(f"Missing: {verdict.missing:,} records that the database lost when it went back to an earlier copy.")
    return FINE


def _line(chain: ChainVerdict) -> str:
    gone = "aren't in this database" if chain.is_pruning_recorded is None else "were pruned"
    pruned = f", {chain.pruned.record:,} before {gone}" if chain.pruned.record else ""
    unsaid = "; no record says so" if chain.is_pruning_recorded is False else ""
    state = "wrong" if chain.fault is not None else "right"
    head = f"up to {chain.head.record:,} ({chain.head.hash.hex()[:16]})"
    gaps = "".join(f", {gap.first:,} to {gap.last:,} are missing" for gap in chain.missing)
    return f"{chain.chain}: {state}, {chain.records:,} records {head}{pruned}{unsaid}{gaps}"


def _members(chain: ChainVerdict) -> dict[str, object]:
    return {
        "chain": chain.chain,
        "batches": chain.batches,
        "records": chain.records,
        "head": {"batch": chain.head.batch, "record": chain.head.record, "hash": chain.head.hash.hex()},
        "pruned": {"batch": chain.pruned.batch, "record": chain.pruned.record},
        "pruning_recorded": chain.is_pruning_recorded,
        "missing": [{"first": gap.first, "last": gap.last, "recorded": gap.is_recorded} for gap in chain.missing],
        "fault": None
        if chain.fault is None
        else {"batch": chain.fault.batch, "record": chain.fault.record, "detail": chain.fault.sentence},
    }
