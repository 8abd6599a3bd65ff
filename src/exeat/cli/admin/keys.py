"""`exeat key list`, `rotate` and `revoke`, and `create` where there is a database to make a key in."""

from collections.abc import Sequence
from typing import Any

from exeat.cli.admin.api import Api, path_of
from exeat.cli.admin.expiry import expiry_in
from exeat.cli.admin.naming import named
from exeat.cli.admin.reach import with_api
from exeat.cli.admin.table import render_table, render_time
from exeat.cli.output import FINE, say, say_json


def list_keys(consumer: str | None, *, as_json: bool) -> int:
    """Print the keys that the database holds; those of a file stand there."""

    def work(api: Api) -> int:
        found = sorted(api.items("/keys", consumer=consumer), key=lambda one: (one["consumer"], one["created_at"]))
        if as_json:
            say_json(found)
            return FINE
        rows = [
            (
                one["id"],
                one["consumer"],
                one["state"],
                render_time(one["expires_at"]),
                render_time(one["last_used_at"]),
                one["label"],
            )
            for one in found
        ]
        say(render_table(("ID", "CONSUMER", "STATE", "EXPIRES", "LAST USED", "LABEL"), rows))
        return FINE

    return with_api(work)


def rotate_key(identifier: str, grace: str, expires: str | None, *, as_json: bool) -> int:
    """Make a key in the place of another, which works on for a while."""

    def work(api: Api) -> int:
        with named(api, "/keys", identifier, "id"):
            body = api.post(path_of("keys", identifier, "rotate"), {"grace": grace, **expiry_in(expires)}).body
        ends = "was revoked" if grace == "immediate" else f"works for {grace} more"
        show_new(body, f"The key {identifier} {ends}.", as_json=as_json)
        return FINE

    return with_api(work)


def revoke_key(identifier: str, *, as_json: bool) -> int:
    """Take a key back, for good."""

    def work(api: Api) -> int:
        with named(api, "/keys", identifier, "id"):
            body = api.post(path_of("keys", identifier, "revoke")).body
        if as_json:
            say_json(body)
        else:
            say(f"key {identifier} of {body['consumer']} is revoked.")
        return FINE

    return with_api(work)


def make_key(
    api: Api,
    consumer: str,
    label: str,
    expires: str | None,
    networks: Sequence[str],
    limits: Sequence[Any],
    *,
    aws: bool = False,
) -> dict[str, Any]:
    """Have a key made; what the API answers, the key in it."""
    wanted: dict[str, object] = {"consumer": consumer, "label": label, "networks": list(networks), **expiry_in(expires)}
    if aws:
        wanted["aws"] = True
    if limits:
        wanted["limits"] = list(limits)
    found: dict[str, Any] = api.post("/keys", wanted).body
    return found


def show_new(body: dict[str, Any], more: str, *, as_json: bool) -> None:
    """Show a new key, this once."""
    from hashlib import sha256  # noqa: PLC0415 - only here

    pair = body.get("aws")
    if as_json:
        shown = {"key": body["key"], "id": body["id"], "sha256": sha256(body["key"].encode()).hexdigest()}
        say_json(shown if pair is None else {**shown, "aws": pair})
        return
    ends = "" if body["expires_at"] is None else f" It works until {render_time(body['expires_at'])}."
    say(f"""\
{body["key"]}

This is the only time the key is shown: give it to whoever runs {body["consumer"]}.{ends}
{more}""")
    if pair is not None:
        say(f"""
For clients of AWS:
AWS_ACCESS_KEY_ID={pair["access_key_id"]}
AWS_SECRET_ACCESS_KEY={pair["secret_access_key"]}""")
