"""The shared cases: raw HTTP/1.1 messages and target addresses, each with the outcome that is required.

They lie beside the project, in `../shared/cases`, or where SHARED_CASES says. A checkout of the project alone has none.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ENVIRONMENT = os.environ  # noqa: TID251 - the switches of a test run are not settings of Exeat
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "cases"

# What a case of addresses.yaml may say; what the second line lists repeats the rest or explains it.
KNOWN = frozenset(
    {
        *("id", "group", "target", "expect", "also_ok", "dns", "dns_sequence", "dns_timeout", "allowlist", "config"),
        *("denylist", "reason", "reason_code", "resolved", "connect_to", "cname", "note", "requests"),
    }
)

Entry = Mapping[str, object]


def read_cases(name: str) -> Mapping[str, object]:
    """A file of cases; without it the tests of the module that asks are skipped, and fail where nobody looks (CI)."""
    file = Path(ENVIRONMENT.get("SHARED_CASES") or BESIDE) / name
    if file.is_file():
        document = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
        assert isinstance(document, dict)
        return document
    if ENVIRONMENT.get("CI") == "true":
        pytest.fail(f"the shared cases are not beside this checkout: there is no {file}", pytrace=False)
    pytest.skip("the shared cases are not beside this checkout", allow_module_level=True)


@dataclass(frozen=True)
class Exchanged:
    """One case of http1.yaml: bytes that one side sends, and what has to come of them.

    `raw` still holds %AUTH% and %VIA%. `expect` is as it is written.
    """

    id: str
    is_request: bool
    raw: bytes
    expect: Entry
    policy: str | None
    send: Entry
    method: bytes
    close: bool
    early: bool
    follow: bool
    why: str

    @property
    def kind(self) -> str:
        """The class of outcome."""
        return str(self.expect["class"])

    @property
    def statuses(self) -> list[int]:
        """The statuses that a refusal may have."""
        listed = self.expect.get("status", [400])
        assert isinstance(listed, list)
        return [int(status) for status in listed]

    def texts(self, name: str) -> list[bytes]:
        """The byte strings that an expectation lists."""
        listed = self.expect.get(name, [])
        assert isinstance(listed, list)
        return [str(text).encode("latin-1") for text in listed]


def exchanged(entry: Entry) -> Exchanged:
    """Read one case of http1.yaml."""
    expect, send = entry["expect"], entry.get("send", {})
    assert isinstance(expect, dict)
    assert isinstance(send, dict)
    policy = expect.get("policy")
    return Exchanged(
        id=str(entry["id"]),
        is_request=entry["dir"] == "request",
        raw=_raw(entry).encode("latin-1"),
        expect=expect,
        policy=None if policy is None else str(policy),
        send=send,
        method=str(entry.get("method", "GET")).encode(),
        close=entry.get("close") is True,
        early=entry.get("early") is True,
        follow=entry.get("follow") is True,
        why=str(entry["why"]),
    )


def _raw(entry: Entry) -> str:
    parts = entry.get("raw_parts")
    if parts is None:
        return str(entry["raw"])
    assert isinstance(parts, list)
    return "".join(part["s"] * part.get("times", 1) for part in parts)


@dataclass(frozen=True)
class Addressed:
    """One case of addresses.yaml: a target, what names resolve to, and whether it may be dialled."""

    id: str
    group: str
    target: str
    expect: str
    also_ok: str | None
    dns: Mapping[str, list[str]]
    dns_sequence: Mapping[str, list[list[str]]]
    dns_timeout: bool
    allowlist: tuple[str, ...]
    denylist: tuple[str, ...]
    resolved: tuple[str, ...]
    config: Entry = field(default_factory=dict)
    reason: str = ""


def addressed(entry: Entry) -> Addressed:
    """Read one case of addresses.yaml."""
    assert set(entry) <= KNOWN, set(entry) - KNOWN
    dns, sequence, config = entry.get("dns", {}), entry.get("dns_sequence", {}), entry.get("config", {})
    allowed, denied, resolved = (entry.get(name, []) for name in ("allowlist", "denylist", "resolved"))
    assert isinstance(dns, dict)
    assert isinstance(sequence, dict)
    assert isinstance(config, dict)
    assert isinstance(allowed, list)
    assert isinstance(denied, list)
    assert isinstance(resolved, list)
    also = entry.get("also_ok")
    return Addressed(
        id=str(entry["id"]),
        group=str(entry["group"]),
        target=str(entry["target"]),
        expect=str(entry["expect"]),
        also_ok=None if also is None else str(also),
        dns=dns,
        dns_sequence=sequence,
        dns_timeout=entry.get("dns_timeout") is True,
        allowlist=tuple(map(str, allowed)),
        denylist=tuple(map(str, denied)),
        resolved=tuple(map(str, resolved)),
        config=config,
        reason=str(entry["reason"]),
    )
