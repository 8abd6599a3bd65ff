"""The command line beside a gateway that runs: what it changes is in force at once, and recorded."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.admin.place import Place
from tests.support.gateway import Gateway, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller
from tests.support.recorded import behave, recorded_in

TOKEN = MARKERS.make("the first administrator's token")


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """An upstream."""
    with Origin(behave) as running:
        yield running


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """A gateway with an admin API and an empty document."""
    env = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN}
    with Gateway("upstreams: {}\n", env) as running:
        beside = Place(running.folder)
        wait_until(lambda: beside.run("export").returncode == 0, "its first start has made the database")
        yield running


@pytest.mark.parametrize("is_remote", [False, True], ids=["local", "remote"])
def test_what_is_changed_is_in_force(gateway: Gateway, origin: Origin, *, is_remote: bool) -> None:
    """Beside the gateway, or over the network: a key works once it is made, not once it is revoked; all is recorded."""
    name = "remote" if is_remote else "local"
    place = Place(gateway.folder, _settings(gateway) if is_remote else {})
    upstream = {"url": origin.url, "plaintext": True, "network": {"private": ["127.0.0.0/8"]}}
    place.do("upstream", "set", name, "--file", "-", said=json.dumps(upstream))
    place.do("consumer", "set", name, f"grants={name}")
    made = place.read("key", "create", name, opens=True)
    MARKERS.add_key(made["key"])
    wait_until(lambda: _status(gateway, name, made["key"]) == 200, "the key works", 2)
    place.do("key", "revoke", made["id"])
    wait_until(lambda: _status(gateway, name, made["key"]) == 401, "the key is refused", 2)
    database = gateway.folder / "exeat-data" / "exeat.db"
    wait_until(lambda: any(_is_revocation(body, made["id"]) for body in recorded_in(database)), "it is recorded")


def _settings(gateway: Gateway) -> dict[str, str]:
    urls = gateway.serving["control"]
    assert isinstance(urls, list)
    return {"EXEAT_CONTROL_URL": str(urls[0]), "EXEAT_CONTROL_TOKEN": TOKEN}


def _status(gateway: Gateway, name: str, key: str) -> int:
    with RawCaller(gateway.port) as caller:
        return caller.call("GET", f"/{name}/fine", f"Exeat-Key: {key}").status


def _is_revocation(body: bytes, key: str) -> bool:
    record = json.loads(body)
    return record["kind"] == "change" and (record["action"], record["object"]) == ("revoke", f"key/{key}")
