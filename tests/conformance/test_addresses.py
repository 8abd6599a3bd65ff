"""The targets of addresses.yaml, asked for in every way there is: what is denied is never dialled, in any spelling."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from exeat.config.problem import DocumentError
from tests.conformance.targets import CASES, ENTRANCES, KEY, PLAIN, request_for
from tests.support.cases import Addressed, addressed
from tests.support.dialled import Asked, StubNames, Watched, consumer
from tests.support.in_process import compile_document
from tests.support.transports import run

REFUSALS = {400, 403, 404}
# Names that have no usable answer: no decision of a policy, and nothing that could be dialled.
UNRESOLVED = {"N128", "N129", "N133"}
# The denylist of N154 in this project's words: of a wildcard that is granted, one host is listed apart and not granted.
LISTED_APART = "N154"
DENIED = sorted({address for case in CASES.values() if case.expect == "deny" for address in case.resolved})


def document_for(case: Addressed, folder: Path) -> Mapping[str, object] | None:
    """The most generous document for a case: its target an upstream, or its names destinations; None without one."""
    if case.id == LISTED_APART:
        listed = [*case.denylist, "*.example.com"]
        return {"destinations": listed, "consumers": consumer(KEY, {"destination": "*.example.com"})}
    if case.allowlist:
        return {"destinations": list(case.allowlist), "consumers": consumer(KEY)}
    documents: list[dict[str, object]] = [
        {"upstreams": {"t": {"url": case.target, "plaintext": True, "timeout": {"dns": "2s"}}}},
        {"destinations": [{"host": name, "plaintext": True} for name in case.dns]},
    ]
    more = {"network": {"nat64": case.config["nat64_prefixes"]}} if "nat64_prefixes" in case.config else {}
    for document in documents:
        document |= {"consumers": consumer(KEY), **more}
        try:
            compile_document(document, folder)
        except DocumentError:
            continue
        return document
    return None


def names_for(case: Addressed) -> StubNames:
    answers = {name: [addresses] for name, addresses in case.dns.items()}
    return StubNames({**answers, **case.dns_sequence}, is_silent=case.dns_timeout)


def check_allowed(case: Addressed, asked: Asked) -> None:
    """Dialled by number, at a public address, and nowhere else where that is tried again."""
    host = re.sub(r"^https?://\[?|\]?/.*$", "", case.target)
    expected = [address for addresses in case.dns.values() for address in addresses] or [host]
    port = 80 if case.target.startswith("http:") else 443
    assert set(asked.dialled) == {(expected[0], port)}
    if port == 80:
        assert asked.outcome == (200, None)
        assert b"\r\nHost: %b\r\n" % host.encode() in asked.sent[0]
    elif case.dns:
        [name] = case.dns
        assert name.encode() in asked.sent[0]
        assert name.encode() + b"." not in asked.sent[0]


def check_denied(case: Addressed, asked: Asked) -> None:
    """Never dialled, refused by the gateway, and accounted for once."""
    status, code = asked.outcome
    assert asked.dialled == []
    assert code is not None
    if case.id in UNRESOLVED:
        assert (status, code) == (502, "dns-failed")
    else:
        assert status in REFUSALS
    assert [line["error"] for line in asked.lines] == [code]


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.id)
def test_target(case: Addressed, entrance: str, tmp_path: Path) -> None:
    """A target is dialled or denied as the case says, whichever way it is asked for."""
    document = document_for(case, tmp_path)
    if document is None or (entrance == "path" and "upstreams" not in document):
        if entrance == "path":
            assert case.expect == "deny" or case.allowlist, "an upstream that is allowed can be declared"
            return
        document = {"consumers": consumer(KEY)}
    names = names_for(case)

    async def ask() -> Asked:
        async with Watched(document, tmp_path, names) as watched:
            return await watched.ask(request_for(case, entrance))

    asked = run(ask())
    if case.expect == "allow" and (asked.dialled or case.also_ok is None) and can_carry(case, entrance):
        check_allowed(case, asked)
    else:
        check_denied(case, asked)
    assert set(names.asked) <= {*case.dns, "a.test", "internal"}, "no other name is looked up: no search domain"
    assert len(names.asked) <= 1


def can_carry(case: Addressed, entrance: str) -> bool:
    """Whether an entrance can carry a target at all: a request target is visible ASCII (RFC 9112 §3.2)."""
    return entrance != "url" or case.target.isascii()


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("address", DENIED)
def test_denied_address_behind_a_name(address: str, entrance: str, tmp_path: Path) -> None:
    """An address that is denied isn't dialled for a name either, nor if another address of that name is public."""
    case = addressed({"id": "-", "group": "dns", "target": "http://a.test/", "expect": "deny", "reason": address})
    document = {"upstreams": {"t": {"url": case.target, "plaintext": True}}, "consumers": consumer(KEY)}

    async def ask() -> None:
        for answer in ([address], ["93.184.215.14", address], [address, "93.184.215.14"]):
            async with Watched(document, tmp_path, StubNames({"a.test": [answer]})) as watched:
                asked = await watched.ask(request_for(case, entrance))
            check_denied(case, asked)
            assert asked.outcome == (403, "address-blocked")
            assert address.encode() not in asked.answer.body

    run(ask())
