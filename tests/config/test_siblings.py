"""Sibling hosts and links of an upstream as the document writes them."""

import pytest
import trustme

from exeat.config.handover import dumps, loads
from exeat.model.json_path import parse_json_path
from exeat.model.links import Links, SignedLinks
from exeat.model.upstream import Upstream
from tests.config.conftest import Desk
from tests.support.values import origin

ENTRY = "upstreams: {a: {url: 'https://a.com/v1', credential: {kind: bearer, secret: abcdef}, %s}}\n"


def upstream(desk: Desk, text: str) -> Upstream:
    return desk.load(ENTRY % text).snapshot.upstreams[b"a"]


def test_a_host_alone(desk: Desk) -> None:
    """A host stands for https there, with the upstream's credential and all of its rules."""
    snapshot = desk.load(ENTRY % "siblings: [Uploads.a.com, 'files.a.com:8443'], methods: [GET], hosts: [x.y]").snapshot
    a = snapshot.upstreams[b"a"]
    assert sorted(a.siblings) == [b"~files.a.com:8443", b"~uploads.a.com"]
    sibling = a.siblings[b"~uploads.a.com"]
    assert (sibling.name, sibling.mark, sibling.endpoints[0].base_path) == ("a", b"/~uploads.a.com", b"")
    assert sibling.credential is a.credential
    assert a.credential.origins == {
        origin(f"https://{host}") for host in ("a.com", "uploads.a.com", "files.a.com:8443")
    }
    assert (sibling.methods, sibling.hosts, sibling.siblings) == (a.methods, (), {})
    assert snapshot.origins[origin("https://uploads.a.com")] == (sibling,)
    assert list(snapshot.hosts) == [b"x.y"]


def test_without_the_credential(desk: Desk) -> None:
    """With `credential: false` the credential isn't bound to the sibling, and can't be made to go there."""
    a = upstream(desk, "siblings: [{host: cdn.a.com, credential: false}]")
    sibling = a.siblings[b"~cdn.a.com"]
    assert a.credential.origins == {origin("https://a.com")}
    assert (sibling.credential.kind, sibling.credential.lines) == ("none", None)
    assert sibling.credential.slot == a.credential.slot


@pytest.mark.parametrize(
    "kind",
    [
        "{kind: path, prefix: /bot, secret: abcdef}",
        "{kind: cookie, name: session, secret: abcdef}",
        "{kind: header, name: X-Token, prefix: 'Token ', secret: abcdef}",
        "{pool: [{kind: path, secret: abcdef}, {kind: path, secret: ghijkl}]}",
        "[{kind: path, secret: abcdef}, {kind: cookie, name: a, secret: abcdef}, {kind: query, name: b, secret: ghi}]",
    ],
)
def test_places_without_the_credential(desk: Desk, kind: str) -> None:
    """A key is looked for in every place where the upstream expects its secret, of which nothing is there."""
    text = f"url: 'https://a.com', siblings: [{{host: cdn.a.com, credential: false}}], credential: {kind}"
    a = desk.load(f"upstreams: {{a: {{{text}}}}}\n").snapshot.upstreams[b"a"]
    own, bare = a.credential, a.siblings[b"~cdn.a.com"].credential
    assert (bare.slot, bare.prefix, bare.slots) == (own.slot, own.prefix, own.slots)
    assert (bare.parameter, bare.before) == (own.parameter, own.before)
    assert [cookie.octets.partition(b"=")[0] for cookie in own.cookies] == [cookie.octets for cookie in bare.cookies]
    assert (bare.segment is None) == (own.segment is None)
    assert (bare.lines, bare.pairs, bare.members, bare.needles) == (None, (), (), ())
    held = [] if bare.segment is None else [bare.segment]
    assert not any(b"abcdef" in secret.octets for secret in (*held, *bare.cookies))


def test_the_origins_own_upstream_comes_first(desk: Desk) -> None:
    """Where another upstream is at the same origin, a URL means that one first."""
    text = "upstreams: {a: {url: 'https://a.com', siblings: [b.com]}, b: {url: 'https://b.com'}}\n"
    snapshot = desk.load(text).snapshot
    assert [one.name for one in snapshot.origins[origin("https://b.com")]] == ["b", "a"]


def test_tls_of_siblings(desk: Desk) -> None:
    """A sibling is trusted as the upstream is, by its own name; a client certificate is a credential as well."""
    authority = trustme.CA()
    mine = authority.issue_cert("me.example")
    authority.cert_pem.write_to_path(str(desk.folder / "ca.pem"))
    mine.cert_chain_pems[0].write_to_path(str(desk.folder / "me.pem"))
    mine.private_key_pem.write_to_path(str(desk.folder / "me.key"))
    tls = "tls: {ca: ca.pem, certificate: me.pem, key: me.key, server_name: inner.a.com}"
    a = upstream(desk, f"{tls}, siblings: [b.a.com, {{host: c.a.com, credential: false}}]")
    own, shown, bare = (one.endpoints[0].route.tls for one in (a, *a.siblings.values()))
    assert own.ca == shown.ca == bare.ca != None  # noqa: E711
    assert (own.server_name, shown.server_name, bare.server_name) == ("inner.a.com", None, None)
    assert shown.certificate == own.certificate is not None
    assert (bare.certificate, bare.key) == (None, None)
    assert len({own.fingerprint, shown.fingerprint, bare.fingerprint}) == 3


def test_links(desk: Desk) -> None:
    """Links are names or places; a name at any depth is a name."""
    a = upstream(desk, "links: [next, '@odata.nextLink', $.paging.next, $..upload_url, next, $.paging.next]")
    assert a.links == Links(("next", "@odata.nextLink", "upload_url"), (parse_json_path("$.paging.next"),))
    assert (a.alters_bodies, a.scrubs_bodies) == (True, False)


def test_signed_links(desk: Desk) -> None:
    """Links that are signed stand apart, by method and time; an entry without a time is as its text alone."""
    text = "{field: upload_url, signed: 15m}, {field: $.a.put, signed: 1h, method: PUT}, {field: $..b, signed: 15m}"
    a = upstream(desk, f"links: [next, {{field: $.x.y}}, {text}]")
    assert a.links == Links(
        ("next",),
        (parse_json_path("$.x.y"),),
        (
            SignedLinks(("upload_url", "b"), (), b"POST", 900.0),
            SignedLinks((), (parse_json_path("$.a.put"),), b"PUT", 3600.0),
        ),
    )
    handed = loads(dumps(desk.load(ENTRY % f"links: [next, {{field: $.x.y}}, {text}]").snapshot))
    assert handed.upstreams[b"a"].links == a.links


def test_off_by_default(desk: Desk) -> None:
    """Without a word, no body is looked at, and there are no siblings."""
    a = upstream(desk, "methods: [GET]")
    assert (a.links, a.scrubs_bodies, a.alters_bodies, a.siblings) == (None, False, False, {})
    assert upstream(desk, "scrub_bodies: true").alters_bodies


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("siblings: uploads.a.com", "upstreams.a.siblings: must be a list"),
        ("siblings: []", "is an empty list"),
        ("siblings: ['https://b.com/path']", "has a path; write the host alone: 'b.com'"),
        ("siblings: [b.com/path]", "has a path"),
        ("siblings: ['*.a.com']", "isn't a valid name"),
        ("siblings: ['user:secret@b.com']", "holds user information"),
        ("siblings: ['http://b.com']", "is plaintext http://"),
        ("siblings: ['10.0.0.1']", "is a private or reserved address; list it under network.private"),
        ("siblings: [metadata.google.internal]", "cloud metadata service"),
        ("siblings: [a.com]", "siblings[0]: 'https://a.com' is the upstream's own address"),
        ("siblings: [b.com, 'https://B.com:443']", "siblings[1]: 'b.com' is listed twice"),
        ("siblings: [{host: b.com, credental: false}]", "credental"),
        ("siblings: [{host: b.com, credential: maybe}]", "credential"),
        ("links: next", "must be a list of 1 to 100 names or JSON paths"),
        ("links: []", "must be a list of 1 to 100 names or JSON paths"),
        ("links: ['$.a[0]']", "isn't a JSON path"),
        ("links: ['a[*].b']", "isn't the name of a member; write next, or a JSON path"),
        ("links: [1]", "isn't text; quote it"),
        ("links: [{signed: 15m}]", "links[0].field"),
        ("links: [{field: a, signed: soon}]", "links[0].signed: write a duration from 1ms to 168h"),
        ("links: [{field: a, signed: 169h}]", "links[0].signed: write a duration from 1ms to 168h"),
        ("links: [{field: a, signed: 500ms}]", "links[0]: is signed for less than 1s"),
        ("links: [{field: a, method: PUT}]", "links[0]: has 'method' without 'signed'"),
        ("links: [{field: a, signed: 1m, method: post}]", "links[0].method: 'post' isn't a method; write 'POST'"),
        ("links: [{field: a, sined: 1m}]", "links[0].sined"),
        ("links: [{field: '$.a[0]', signed: 1m}]", "links[0].field: '$.a[0]' isn't a JSON path"),
        ("links: [a, {field: a, signed: 1m}]", "links: lists 'a' twice, and signed in different ways"),
        (
            "links: [{field: a, signed: 1m, method: FOO}]",
            "links[0].method: 'FOO' isn't a method that URLs are called by",
        ),
        ("links: [{field: a, signed: 1m, method: OPTIONS}]", "links[0].method: 'OPTIONS' isn't a method that URLs are"),
        ("scrub_bodies: perhaps", "scrub_bodies"),
    ],
)
def test_problems(desk: Desk, text: str, problem: str) -> None:
    """What can't be meant is refused at its place, with what to write."""
    (line,) = desk.problems(ENTRY % text)
    assert problem in line
    assert "exeat.yaml:1" in line
    assert "secret@" not in line


@pytest.mark.parametrize("credential", ["none", "caller", None])
def test_bodies_without_a_secret_to_scrub(desk: Desk, credential: str | None) -> None:
    """Where Exeat shows nothing of its own there is nothing to look for, and nobody may believe that there is."""
    written = "" if credential is None else f", credential: {credential}"
    lines = desk.problems(f"upstreams: {{a: {{url: 'https://a.com', scrub_bodies: true{written}}}}}\n")
    assert lines == [
        "exeat.yaml:1: upstreams.a.scrub_bodies: has no credential of Exeat's to look for; remove it, or write one"
    ]


@pytest.mark.parametrize("credential", ["{kind: bearer, secret: ''}", "{kind: bearer, secret: '${GONE}'}", "{kind: x}"])
def test_scrubbing_beside_a_faulty_credential(desk: Desk, credential: str) -> None:
    """A credential that is wrong is the one fault: that nothing is left of it to scrub isn't another one."""
    (line,) = desk.problems(
        f"upstreams: {{a: {{url: 'https://a.com', scrub_bodies: true, credential: {credential}}}}}\n"
    )
    assert "upstreams.a.credential" in line


def test_scrubbing_while_a_secret_is_gone(desk: Desk) -> None:
    """A running gateway whose secret has disappeared goes on without that upstream, scrubbing or not."""
    text = "upstreams: {a: {url: 'https://a.com', scrub_bodies: true, credential: {kind: bearer, secret: '${GONE}'}}}\n"
    assert desk.reload(text).snapshot.upstreams[b"a"].credential.kind == "unavailable"


def test_from_the_environment(desk: Desk) -> None:
    """Both lists can be written in a variable."""
    loaded = desk.load(
        ENTRY % "methods: [GET]",
        EXEAT_UPSTREAMS__B__URL="https://b.com",
        EXEAT_UPSTREAMS__B__SIBLINGS="c.com,d.com",
        EXEAT_UPSTREAMS__B__LINKS="next,$.x.y",
    )
    b = loaded.snapshot.upstreams[b"b"]
    assert sorted(b.siblings) == [b"~c.com", b"~d.com"]
    assert b.links == Links(("next",), (parse_json_path("$.x.y"),))


def test_it_reaches_the_workers(desk: Desk) -> None:
    """Siblings and links are a part of what is handed to workers."""
    text = "siblings: [{host: b.com, credential: false}, c.com], links: [next, $.a.b], scrub_bodies: true"
    snapshot = desk.load(ENTRY % text).snapshot
    there = loads(dumps(snapshot))
    assert there == snapshot
    a = there.upstreams[b"a"]
    assert there.origins[origin("https://c.com")][0] is a.siblings[b"~c.com"]
    assert a.siblings[b"~c.com"].credential is a.credential
    assert (a.links, a.alters_bodies) == (Links(("next",), (parse_json_path("$.a.b"),)), True)
