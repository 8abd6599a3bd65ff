"""Pools of credentials in a document: how they are written, what is wrong with some, what is left of others."""

import json

import jsonschema
import pytest

from exeat.config.schema import build_schema
from exeat.model.credential import Injection, Member
from tests.config.conftest import Desk
from tests.config.test_credentials import SECRET, compiled, document, problems

ONE = {"kind": "bearer", "secret": "key-one-of-the-test"}
TWO = {"kind": "bearer", "secret": "key-two-of-the-test"}


def members(desk: Desk, *written: object) -> tuple[Member, ...]:
    return compiled(desk, {"kind": "pool", "members": list(written)}).members


def lines_of(injection: Injection) -> str:
    return "" if injection.lines is None else injection.lines.reveal()


class TestWritten:
    """How a pool is written."""

    def test_members(self, desk: Desk) -> None:
        """Each has its weight and what it is called; its place in the list, where nothing is written."""
        found = members(desk, ONE, {**TWO, "weight": 3}, {**TWO, "secret": "three", "label": "team-a", "weight": "2"})
        assert [(one.name, one.weight) for one in found] == [("1", 1), ("2", 3), ("team-a", 2)]
        assert [lines_of(one.injection) for one in found[:2]] == [
            "Authorization: Bearer key-one-of-the-test\r\n",
            "Authorization: Bearer key-two-of-the-test\r\n",
        ]
        assert len({one.mark for one in found}) == 3

    def test_short_form(self, desk: Desk) -> None:
        """`{pool: […]}` is the same."""
        assert compiled(desk, {"pool": [ONE, TWO]}) == compiled(desk, {"kind": "pool", "members": [ONE, TWO]})

    def test_any_kind(self, desk: Desk) -> None:
        """Kinds may differ, `name` is the field of a kind, and a list is shown as a whole."""
        found = members(
            desk,
            {"kind": "header", "name": "X-Key", "secret": "a-secret", "weight": 2},
            {"kind": "query", "name": "key", "secret": "a-secret"},
            [{"kind": "header", "name": "X-App", "secret": "app"}, {"kind": "header", "name": "X-Key", "secret": "k"}],
            {"kind": "hmac", "style": "slack", "secret": "a-secret"},
        )
        assert [one.injection.kind for one in found] == ["header", "query", "header", "hmac"]
        assert lines_of(found[2].injection) == "X-App: app\r\nX-Key: k\r\n"

    def test_a_token_of_its_own(self, desk: Desk) -> None:
        """Each credential that has to be fetched has a source of its own."""
        written = {"kind": "oauth2-client-credentials", "token_url": "https://id.test/token", "client_secret": SECRET}
        entry = {"pool": [{**written, "client_id": "a"}, {**written, "client_id": "b"}]}
        loaded = desk.load(document(entry))
        tokens = [one.injection.token for one in loaded.snapshot.upstreams[b"api"].credential.members]
        assert {token.source for token in tokens if token} == {source.id for source in loaded.token_sources}
        assert len(loaded.token_sources) == 2

    def test_where_a_key_is_looked_for(self, desk: Desk) -> None:
        """A caller's key may stand where the first credential does."""
        found = compiled(desk, {"pool": [{"kind": "header", "name": "X-Key", "secret": "a-secret"}, ONE]})
        assert (found.kind, found.slot, found.is_ready) == ("pool", b"x-key", False)
        assert {needle.reveal() for needle in found.needles} >= {"a-secret", "key-one-of-the-test"}

    def test_the_schema(self) -> None:
        """Editors accept what is loaded."""
        weighted: dict[str, object] = {**ONE, "weight": 2}
        right: list[object] = [{"kind": "pool", "members": [weighted, [ONE]]}, {"pool": [ONE, TWO]}]
        wrong: list[object] = [{"pool": []}, {"pool": [{"secret": "a"}]}, {"pool": [{**ONE, "weight": 0}]}]
        for entry in right:
            jsonschema.validate(json.loads(document(entry)), build_schema())
        for entry in wrong:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(json.loads(document(entry)), build_schema())


class TestWrong:
    """What is wrong, and where."""

    @pytest.mark.parametrize(
        ("entry", "words"),
        [
            ({"kind": "pool"}, ": has no 'members'"),
            ({"kind": "pool", "members": []}, ".members: is an empty list; list the credentials of which"),
            ({"pool": []}, ".pool: is an empty list; list the credentials of which"),
            ({"pool": [{"kind": "bearer", "secret": f"a{n}"} for n in range(101)]}, ".pool: lists more than 100"),
            ({"pool": [ONE], "members": [ONE]}, ".pool: has both 'members' and 'pool'"),
            ({"kind": "pool", "members": [ONE], "weight": 2}, ".weight: unknown field"),
            ({"pool": {}}, ".pool: must be a list"),
            ({"pool": ["caller"]}, ".pool[0]: write {kind: …, …}"),
            ({"pool": [{"secret": SECRET}]}, ".pool[0]: has no 'kind'; it is one of bearer, "),
            ({"pool": [{"kind": "caller"}]}, ".pool[0]: can't stand here; it is one of bearer, "),
            ({"pool": [{"kind": "pool", "members": [ONE]}]}, ".pool[0]: can't stand here; it is one of bearer, "),
            ({"pool": [{"kind": "oauth9"}]}, ".pool[0]: is of a kind that this version doesn't know"),
            ({"pool": [ONE, {"kind": "bearer"}]}, ".pool[1].secret: is required"),
            ({"pool": [ONE, {"kind": "bearer", "secret": SECRET, "oops": 1}]}, ".pool[1].oops: unknown field"),
            ({"pool": [{**ONE, "weight": 0}]}, ".pool[0].weight: "),
            ({"pool": [{**ONE, "weight": 1001}]}, ".pool[0].weight: "),
            ({"pool": [{**ONE, "label": "a b"}]}, ".pool[0].label: a label begins with a letter or digit"),
            ({"kind": "pool", "members": [ONE, {**TWO, "label": "1"}]}, ": has two credentials of one label"),
            ({"pool": [ONE, {**ONE, "label": "again"}]}, ".pool: lists a credential twice; write it once"),
            ({"kind": "pool", "members": [ONE, {"kind": "bearer", "secret": " "}]}, ".members[1].secret: "),
            ({"pool": [{"kind": "aws-sigv4", "access_key": "AKIA", "secret_key": SECRET}]}, ": "),
        ],
    )
    def test_problems(self, desk: Desk, entry: object, words: str) -> None:
        """Each fault is named at its place, says what to do, and shows no secret."""
        (line,) = problems(desk, entry)
        assert line.startswith(words), line


class TestGone:
    """Secrets that have disappeared since the start."""

    POOL = (
        "{pool: [{kind: bearer, secret: '${A}'}, {kind: bearer, secret: '${B}', label: b}, {kind: bearer, secret: c}]}"
    )
    TEXT = f"upstreams:\n  api:\n    url: https://api.test\n    credential: {POOL}\n"

    def test_at_the_start(self, desk: Desk) -> None:
        """The first start wants them all."""
        (line,) = desk.problems(self.TEXT, {"A": "a"})
        assert line == "exeat.yaml:4: upstreams.api.credential.pool[1].secret: environment variable B is not set"

    @pytest.mark.parametrize(
        ("variables", "left"),
        [({"A": "a"}, ["1", "3"]), ({"B": "b"}, ["b", "3"]), ({}, ["3"]), ({"A": "a", "B": "b"}, ["1", "b", "3"])],
    )
    def test_while_running(self, desk: Desk, variables: dict[str, str], left: list[str]) -> None:
        """A running gateway goes on with those that are left, under their names, and warns of the others."""
        loaded = desk.reload(self.TEXT, **variables)
        credential = loaded.snapshot.upstreams[b"api"].credential
        assert [member.name for member in credential.members] == left
        warned = [str(line) for line in loaded.warnings if "the pool goes on without it" in str(line)]
        assert len(warned) == 3 - len(left)

    def test_all_of_them(self, desk: Desk) -> None:
        """Without any, calls answer `credential-unavailable`."""
        text = self.TEXT.replace("secret: c", "secret: '${C}'")
        credential = desk.reload(text).snapshot.upstreams[b"api"].credential
        assert credential.kind == "unavailable"
        assert "environment variable" in (credential.unavailable or "")
