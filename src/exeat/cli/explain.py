"""`exeat explain`: what would happen to one request, and why, without sending it."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from exeat.cli.explanation import Addresses, Asked, Explanation, Phase, explain
from exeat.cli.output import FINE, REFUSED, complain, say, say_json
from exeat.cli.stored_part import read_stored_part
from exeat.config.compile import load
from exeat.config.problem import ConfigError
from exeat.config.settings import read_settings
from exeat.errors import MEANINGS
from exeat.model.consumer import Key
from exeat.model.key import ALPHABET, ID_LENGTH, PREFIX, SECRET_LENGTH, make_key, mask
from exeat.model.snapshot import Snapshot
from exeat.proxy.names import AresLookup, Names

DIGEST = re.compile(r"[0-9a-fA-F]{64}")
LABELS = {"ok": "ok", "report": "report", "refused": "REFUSED", "unknown": "unknown"}


# What each part of a question is called on the command line.
CALLED = {"key": "KEY", "target": "TARGET", "headers": "--header", "address": "--from"}


class QuestionError(Exception):
    """The question makes no sense: `faults` has each part of it that is wrong, and why."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{CALLED[part]}: {text}" for part, text in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked on the command line; `address` is the caller's."""

    key: str = field(repr=False)
    method: str
    target: str
    headers: tuple[str, ...] = ()
    address: str | None = None


def explain_request(question: Question, *, config: Path | None, dns: bool, as_json: bool) -> int:
    """Print what would happen to a request; the exit code says whether it would be let through."""
    try:
        settings = read_settings(config=config)
        loaded = load(settings, read_stored_part(settings))
        asked = _ask(question, loaded.snapshot)
    except ConfigError as error:
        return complain(error.problems)
    except QuestionError as error:
        return complain(f"{CALLED[part]}: {text}" for part, text in error.faults)
    explanation = asyncio.run(_answer(asked, loaded.snapshot, dns=dns))
    if as_json:
        say_json(_as_data(explanation))
    else:
        say(_render(explanation, mask(f"{question.method} {question.target}")))
    return FINE if explanation.error is None else REFUSED


def answer_question(question: Question, snapshot: Snapshot, *, dns: bool) -> dict[str, object]:
    """The same as data, for one snapshot; QuestionError if it makes no sense."""
    return _as_data(asyncio.run(_answer(_ask(question, snapshot), snapshot, dns=dns)))


async def _answer(asked: Asked, snapshot: Snapshot, *, dns: bool) -> Explanation:
    names = Names(AresLookup(), time.monotonic)

    async def addresses(host: str, timeout_s: float) -> tuple[str, ...]:
        return (host,) if _is_address(host) else await names.addresses(host, timeout_s)

    resolve: Addresses | None = addresses if dns else None
    now = time.time()  # noqa: TID251 - the outermost caller gives the time
    return await explain(asked, snapshot, now, resolve)


def _ask(question: Question, snapshot: Snapshot) -> Asked:
    faults = list(_faults_of(question, snapshot))
    if faults:
        raise QuestionError(faults)
    shown, keys = question.key, snapshot
    if not shown.encode().startswith(PREFIX):
        made = make_key(ALPHABET[0] * (ID_LENGTH + SECRET_LENGTH))
        shown = made.key
        keys = replace(snapshot, keys={bytes.fromhex(made.sha256): _stand_in(question.key, snapshot)})
    fields = [(name, value.strip(" \t")) for name, _, value in (field.partition(":") for field in question.headers)]
    if not any(name.lower() == "host" for name, _ in fields):
        fields.insert(0, ("Host", "localhost"))
    lines = [f"{name}: {value}" for name, value in (*fields, ("Exeat-Key", shown))]
    head = "\r\n".join([f"{question.method} {_path_of(question.target)} HTTP/1.1", *lines]).encode("latin-1")
    return Asked(head, keys, question.address)


def _faults_of(question: Question, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    key = _fault_of_key(question.key, snapshot)
    if key is not None:
        yield "key", key
    if not _fits_in_a_head(question.target):
        yield "target", "holds characters that no HTTP head can; percent-encode them"
    for line in question.headers:
        if ":" not in line or "\r" in line or "\n" in line:
            yield "headers", "write it as 'Name: value', on one line"
        elif not _fits_in_a_head(line):
            yield "headers", "holds characters that no HTTP head can"
    if question.address is not None and not _is_address(question.address):
        yield "address", f"'{question.address}' isn't an address"


def _fault_of_key(named: str, snapshot: Snapshot) -> str | None:
    """What is wrong with a key or what stands for one; it may be a mistyped key, and isn't repeated."""
    if DIGEST.fullmatch(named):
        is_known = bytes.fromhex(named) in snapshot.keys
        return None if is_known else "the document has no key with that SHA-256"
    if named.encode().startswith(PREFIX):
        return None if named.isascii() else "holds characters that no key can"
    is_known = named in snapshot.consumers
    return None if is_known else "is neither a key (exeat_…), a SHA-256, nor the name of a consumer in the document"


def _fits_in_a_head(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _stand_in(named: str, snapshot: Snapshot) -> Key:
    """The key that a SHA-256 or a consumer's name stands for."""
    if DIGEST.fullmatch(named):
        return snapshot.keys[bytes.fromhex(named)]
    consumer = snapshot.consumers[named]
    now = time.time()  # noqa: TID251 - as above
    for known in snapshot.keys.values():
        if known.consumer is consumer and not known.revoked and (known.expires_at is None or known.expires_at > now):
            return known
    return Key("(any)", consumer, None, revoked=False, networks=())


def _path_of(target: str) -> str:
    """What a request line would hold: a URL is written behind the gateway's address."""
    return f"/{target}" if re.match(r"https?://", target, re.IGNORECASE) else target


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _as_data(explanation: Explanation) -> dict[str, object]:
    error = explanation.error
    return {
        "allowed": error is None,
        "consumer": explanation.consumer,
        "status": None if error is None else error.meaning.status,
        "code": None if error is None else str(error.code),
        "detail": None if error is None else error.detail,
        "hint": None if error is None else error.hint or error.meaning.hint,
        "leaves": explanation.leaves,
        "phases": [
            {"number": phase.number, "name": phase.name, "outcome": phase.outcome, "lines": phase.lines}
            for phase in explanation.phases
        ],
    }


def _render(explanation: Explanation, request: str) -> str:
    who = "" if explanation.consumer is None else f" by {explanation.consumer}"
    lines = [f"{request}{who}", ""]
    for phase in explanation.phases:
        lines += _render_phase(phase)
        if phase.name == "attempt" and explanation.leaves:
            lines += [f"{'':<24}{line}" for line in ("what leaves:", *(f"  {line}" for line in explanation.leaves))]
    error = explanation.error
    if error is None:
        return "\n".join([*lines, "", "Let through."])
    meaning = MEANINGS[error.code]
    return "\n".join([*lines, "", f"Refused: {meaning.status} {error.code}. {error.hint or meaning.hint}"])


def _render_phase(phase: Phase) -> list[str]:
    first, *rest = phase.lines or [""]
    lines = [f"{phase.number:>2}  {phase.name:<10} {LABELS[phase.outcome]:<8} {first}".rstrip()]
    return lines + [f"{'':<24}{line}" for line in rest]
