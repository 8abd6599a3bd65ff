"""`exeat credential`: secrets go into the vault, from standard input or a prompt, and never come out again."""

from exeat.cli.admin.api import Api, ApiError, path_of
from exeat.cli.admin.asking import read_secret
from exeat.cli.admin.naming import NOT_FOUND, named
from exeat.cli.admin.reach import with_api
from exeat.cli.admin.table import render_table, render_time
from exeat.cli.output import FINE, say, say_json


def list_credentials(*, as_json: bool) -> int:
    """Print what is in the vault: names, and what uses them."""

    def work(api: Api) -> int:
        found = list(api.items("/credentials"))
        if as_json:
            say_json(found)
            return FINE
        rows = [
            (
                one["name"],
                str(one["version"]),
                render_time(one["changed_at"]),
                one["changed_by"],
                ", ".join(one["used_by"]),
            )
            for one in found
        ]
        say(render_table(("NAME", "VERSION", "CHANGED", "BY", "USED BY"), rows))
        return FINE

    return with_api(work)


def set_credential(name: str, *, as_json: bool) -> int:
    """Set a credential, new or not; everything that refers to it uses the new value at once."""

    def work(api: Api) -> int:
        path = path_of("credentials", name)
        tag = tag_of(api, path)
        value = read_secret(f"Value of {name}")
        body = api.put(path, {"value": value.reveal()}, tag).body
        if as_json:
            say_json(body)
        else:
            say(f"credential {name} is set, version {body['version']}; refer to it as ${{vault:{name}}}.")
        return FINE

    return with_api(work)


def remove_credential(name: str, *, as_json: bool) -> int:
    """Remove a credential that nothing refers to."""

    def work(api: Api) -> int:
        path = path_of("credentials", name)
        with named(api, "/credentials", name):
            api.delete(path, api.get(path).tag)
        if as_json:
            say_json({"name": name, "removed": True})
        else:
            say(f"credential {name} is removed.")
        return FINE

    return with_api(work)


def tag_of(api: Api, path: str) -> str | None:
    """The version of what is there; None if nothing is."""
    try:
        return api.get(path).tag
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise
