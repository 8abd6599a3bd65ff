"""Entries of webhooks into what is told of events, and everything that can be wrong with one."""

from collections.abc import Mapping
from ipaddress import ip_address

from exeat.config import webhook_entries as entries
from exeat.config.grammar import is_address
from exeat.config.problem import Path, Places, Problem, quote
from exeat.model.upstream import Reach
from exeat.model.webhook import Webhook
from exeat.policy.address import judge_address, judge_name, may_be_plaintext


def compile_webhooks(
    listed: Mapping[int, entries.Webhook], places: Places, problems: list[Problem]
) -> tuple[Webhook, ...]:
    """All webhooks; what is wrong with them is added to `problems`."""
    found: dict[str, Webhook] = {}
    for index, entry in listed.items():
        path: Path = ("webhooks", index)
        if entry.name in found:
            message = f"{quote(entry.name)} is also the name of another webhook"
            problems.append(places.problem((*path, "name"), message))
        problems += [places.problem((*path, field), message) for field, message in _check_url(entry).items()]
        found.setdefault(entry.name, _compile(entry))
    return tuple(found.values())


def _compile(entry: entries.Webhook) -> Webhook:
    origin, path, query = entry.url
    return Webhook(
        name=entry.name,
        origin=origin,
        target=path if query is None else path + b"?" + query,
        secret=entry.secret,
        events=frozenset(entry.events),
        private=entry.network.private,
    )


def _check_url(entry: entries.Webhook) -> dict[str, str]:
    scheme, host, _ = entry.url.origin
    private = entry.network.private
    if scheme == "http" and not (entry.plaintext and private):
        advice = "for one in a private network, 'plaintext: true' and network.private beside it"
        return {"url": f"is plaintext http://; write https://, or {advice}"}
    if scheme == "https" and entry.plaintext:
        return {"plaintext": "has no effect on https://; remove it"}
    if judge_name(host).outcome == "deny":
        return {"url": "is the name of a cloud metadata service, which can't be called"}
    if is_address(host):
        return _check_address(host, entry)
    return {}


def _check_address(host: str, entry: entries.Webhook) -> dict[str, str]:
    private = entry.network.private
    if judge_address(host, Reach(private)).outcome == "deny":
        never = judge_address(host, Reach((), report=True)).outcome == "deny"
        own = f"{host}/{ip_address(host).max_prefixlen}"
        advice = "it can never be called" if never else f"list it under network.private, as in [{own}]"
        return {"url": f"is a private or reserved address; {advice}"}
    if entry.url.origin.scheme == "http" and not may_be_plaintext(ip_address(host), private):
        return {"url": "is plaintext http:// to an address that is public, or outside network.private; write https://"}
    return {}
