"""`exeat admin`: who may use the admin API, their passwords, and the tokens of programs."""

from exeat.cli.admin.api import Api, path_of
from exeat.cli.admin.asking import read_secret
from exeat.cli.admin.expiry import expiry_in
from exeat.cli.admin.naming import named
from exeat.cli.admin.reach import UsageError, with_api
from exeat.cli.admin.table import render_table, render_time
from exeat.cli.output import FINE, say, say_json

LISTED = "/administrators"


def list_administrators(*, as_json: bool) -> int:
    """Print who may use the admin API, and as what."""

    def work(api: Api) -> int:
        found = list(api.items(LISTED))
        if as_json:
            say_json(found)
            return FINE
        rows = [
            (
                one["name"],
                one["role"],
                "disabled" if one["disabled"] else "active",
                "yes" if one["has_password"] else "no",
                render_time(one["created_at"]),
            )
            for one in found
        ]
        say(render_table(("NAME", "ROLE", "STATE", "PASSWORD", "CREATED"), rows))
        return FINE

    return with_api(work)


def create_administrator(name: str, role: str, *, has_password: bool, as_json: bool) -> int:
    """Make an administrator; without a password one logs in with a token."""

    def work(api: Api) -> int:
        wanted = {"name": name, "role": role}
        if has_password:
            wanted["password"] = read_secret(f"Password of {name}", twice=True).reveal()
        body = api.post(LISTED, wanted).body
        if as_json:
            say_json(body)
        else:
            say(f"administrator {name} is made, with the role {role}.")
        return FINE

    return with_api(work)


def set_password(name: str, *, as_json: bool) -> int:
    """Set a password, which ends all sessions of its administrator."""

    def work(api: Api) -> int:
        path = path_of("administrators", name)
        with named(api, LISTED, name):
            tag = api.get(path).tag
        password = read_secret(f"New password of {name}", twice=True)
        body = api.patch(path, {"password": password.reveal()}, tag).body
        if as_json:
            say_json(body)
        else:
            say(f"administrator {name} has a new password.")
        return FINE

    return with_api(work)


def remove_administrator(name: str, *, as_json: bool) -> int:
    """Remove an administrator with their tokens and sessions."""

    def work(api: Api) -> int:
        path = path_of("administrators", name)
        with named(api, LISTED, name):
            tag = api.get(path).tag
        api.delete(path, tag)
        if as_json:
            say_json({"name": name, "removed": True})
        else:
            say(f"administrator {name} is removed.")
        return FINE

    return with_api(work)


def create_token(owner: str | None, role: str | None, label: str, expires: str | None, *, as_json: bool) -> int:
    """Make a token, and show it this once."""

    def work(api: Api) -> int:
        if owner is None and api.get("/session").body["way"] == "local":
            raise UsageError("say whose token it will be, as in: exeat admin token create --administrator admin")
        wanted = {"administrator": owner, "role": role, "label": label, **expiry_in(expires)}
        body = api.post("/tokens", {name: value for name, value in wanted.items() if value is not None}).body
        if as_json:
            say_json(body)
        else:
            say(f"""\
{body["token"]}

This is the only time the token is shown.
Its id is {body["id"]}; it works as {body["role"]} for {body["administrator"]}.""")
        return FINE

    return with_api(work)


def list_tokens(*, as_json: bool) -> int:
    """Print tokens: one's own, or for an administrator everybody's."""

    def work(api: Api) -> int:
        found = list(api.items("/tokens"))
        if as_json:
            say_json(found)
            return FINE
        rows = [
            (
                one["id"],
                one["administrator"],
                one["role"],
                one["state"],
                render_time(one["expires_at"]),
                render_time(one["last_used_at"]),
                one["label"],
            )
            for one in found
        ]
        say(render_table(("ID", "ADMINISTRATOR", "ROLE", "STATE", "EXPIRES", "LAST USED", "LABEL"), rows))
        return FINE

    return with_api(work)


def revoke_token(identifier: str, *, as_json: bool) -> int:
    """Take a token back, for good."""

    def work(api: Api) -> int:
        with named(api, "/tokens", identifier, "id"):
            api.delete(path_of("tokens", identifier), None)
        if as_json:
            say_json({"id": identifier, "revoked": True})
        else:
            say(f"token {identifier} is revoked.")
        return FINE

    return with_api(work)
