"""Snapshots between processes."""

import pickle
import subprocess
import sys

import pytest

from exeat.config.handover import dumps, loads
from exeat.model.by_hand import ByHand
from exeat.model.secret import Secret
from exeat.model.stored import Stored
from tests.config.conftest import Desk

TEXT = """
upstreams:
  a:
    url: https://a.com/v1
    credential: {kind: query, name: key, secret: s3cr3t-marker}
    paths: {allow: ["/v1/**"], deny: ["/v1/x"]}
    network: {private: [10.0.0.0/8, "fd00::/8"]}
destinations: ["*.b.org", {host: c.com, private: [127.0.0.0/8]}]
consumers:
  web:
    keys: [{sha256: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8, networks: [10.0.0.0/8]}]
    grants: ["*", {upstream: a, methods: [GET], paths: [/x]}]
cors: {origins: ["*"]}
network: {nat64: ["2001:db8:64::/96"]}
"""


def test_round_trip(desk: Desk) -> None:
    """What a worker reads is what the supervisor compiled, secrets included."""
    desk.stored = Stored(1, endpoints=(ByHand("a", "https://a.com/v1", "tripped", 5.5, 1.0, "ada", "why", 1),))
    snapshot = desk.load(TEXT).snapshot
    there = loads(dumps(snapshot))
    assert there == snapshot
    assert there.by_hand == desk.stored.endpoints
    ((_, pair),) = there.upstreams[b"a"].credential.pairs
    assert pair.reveal() == "key=s3cr3t-marker"


def test_shared_objects_stay_shared(desk: Desk) -> None:
    """One upstream is one object in every index, before and after."""
    there = loads(dumps(desk.load(TEXT).snapshot))
    (by_origin,) = there.origins.values()
    assert by_origin[0] is there.upstreams[b"a"]


def test_only_here(desk: Desk) -> None:
    """Ordinary pickling of a snapshot or a secret is refused."""
    for value in (desk.load(TEXT).snapshot, Secret("s3cr3t")):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(value)


class Evil:
    """Runs a function when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1/0",)


@pytest.mark.parametrize("value", [Evil(), {1: Evil()}, [1], None])
def test_nothing_else_is_built(value: object) -> None:
    """Bytes that ask for another class, or hold no snapshot, are refused."""
    with pytest.raises(pickle.UnpicklingError):
        loads(pickle.dumps(value))


def test_light() -> None:
    """A worker that imports the handover loads no validation and no YAML."""
    program = "import sys, exeat.config.handover; print({'pydantic', 'yaml', 'ssl'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert shown.strip() == "set()"
