"""Conversations about signed links: they are called without a key, in the name of the one that got them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import orjson
import pytest

from exeat.config.sibling_entries import Sibling
from exeat.config.siblings import with_siblings
from exeat.model.consumer import Key
from exeat.model.json_path import parse_json_path
from exeat.model.links import Links, SignedLinks
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach, TlsIdentity
from tests.support.aws_signing import SECRET as PAIR
from tests.support.aws_signing import signed
from tests.support.playbook import BEGAN, CREDENTIAL, KEYED, Party, Stage, on_stage
from tests.support.values import KEY, granted, new_key, rules, snapshot, upstream

ID = new_key().id
HOST = "Host: gateway.test"
JSON = "Content-Type: application/json"
LINK = "exeat-link="
PLAIN = "Accept-Encoding: identity"
FILES = "http://files.test/up/1"


def places(change: Callable[[Key], Key] = lambda key: key) -> Snapshot:
    """An upstream with a sibling that isn't shown its credential, and another one; the key may be another one."""
    signed = (
        SignedLinks(("upload_url",), (), b"POST", 900.0),
        SignedLinks((), (parse_json_path("$.get"),), b"GET", 60.0),
    )
    api = replace(upstream("api", "http://api.test/v1"), links=Links(("next",), (), signed))
    sibling = Sibling.model_validate({"host": "http://files.test", "credential": False})
    api, other = with_siblings(api, [sibling], TlsIdentity(), Reach()), upstream("other", "http://other.test")
    key = change(Key(ID, granted((api, other)), None, revoked=False, networks=()))
    return snapshot(api, other, known={bytes.fromhex(new_key().sha256): key})


def knows(stage: Stage, *names: str) -> None:
    """The gateway has a keyring, and these secrets of it."""
    stage.worker.signers.link_secrets = lambda: tuple(map(Secret, names))


@contextmanager
def playing(configuration: Snapshot | None = None, names: tuple[str, ...] = ("first", "second")) -> Iterator[Stage]:
    """A gateway with a keyring."""
    with on_stage(configuration or places()) as stage:
        knows(stage, *names)
        yield stage


def answered(
    stage: Stage, members: dict[str, Any], target: str = "/api/begin", *lines: str, number: int = 1
) -> dict[str, Any]:
    """Make a call whose answer holds these members; what the caller sees of them."""
    caller = stage.caller()
    caller.says(f"POST {target} HTTP/1.1", *(lines or (HOST, KEYED)))
    api, body = stage.upstream(number), orjson.dumps(members).decode()
    api.takes()
    api.says("HTTP/1.1 200 OK", JSON, f"Content-Length: {len(body)}", body=body)
    _, _, content = caller.takes().partition(b"\r\n\r\n")
    seen = orjson.loads(content[content.index(b"{") : content.rindex(b"}") + 1])
    assert isinstance(seen, dict)
    return seen


def last(stage: Stage, number: int = 1) -> bytes:
    """The last request that an upstream heard."""
    heard = stage.upstream(number).takes()
    return heard[[match.start() for match in re.finditer(rb"(?:DELETE|HEAD|POST) \S+ HTTP/1.1\r\n", heard)][-1] :]


def follow(stage: Stage, url: str, method: str = "POST", *lines: str) -> Party:
    """Follow a URL at the gateway without a key."""
    scheme, _, rest = url.partition("://")
    host, slash, target = rest.partition("/")
    assert scheme == "http"
    caller = stage.caller()
    body = "content" if method == "POST" else ""
    framing = (f"Content-Length: {len(body)}",) if body else ()
    caller.says(f"{method} {slash}{target} HTTP/1.1", f"Host: {host}", *lines, *framing, body=body)
    return caller


def test_a_link_to_a_sibling() -> None:
    """The file goes to where the URL led, without the link and without any credential; its record names the key."""
    with playing() as stage:
        link = answered(stage, {"upload_url": f"{FILES}?a=%20&b"})["upload_url"]
        url, _, value = link.partition("&" + LINK)
        assert url == "http://gateway.test/api/~files.test/up/1?a=%20&b"
        assert value.startswith(f"{ID}.{int(BEGAN) + 900}.")
        caller = follow(stage, link)
        files = stage.upstream(2)
        files.hears("POST /up/1?a=%20&b HTTP/1.1", "Host: files.test", PLAIN, "Content-Length: 7", body="content")
        files.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
        assert caller.takes().endswith(b"ok")
        record = stage.records[-1]
        assert (record["key"], record["consumer"], record["query"]) == (ID, "shop", "a=*&*")
        assert value not in repr(stage.records) + stage.log


def test_a_link_to_the_upstream() -> None:
    """There the credential is shown, and a path alone is made a whole URL; without a query nothing of one is left."""
    with playing() as stage:
        for written in ("http://api.test/v1/up", "/v1/up"):
            link = answered(stage, {"upload_url": written})["upload_url"]
            assert link.startswith(f"http://gateway.test/api/up?{LINK}")
            caller = follow(stage, link)
            heard = last(stage)
            assert heard.startswith(b"POST /v1/up HTTP/1.1\r\nHost: api.test\r\n")
            assert CREDENTIAL.encode() in heard
            stage.upstream().says("HTTP/1.1 204 No Content")
            assert b"204" in caller.takes()


def test_what_isnt_signed() -> None:
    """Links that aren't to be, templates, what leads elsewhere, and what is a link already."""
    with playing() as stage:
        url = "http://api.test/v1/a"
        seen = answered(
            stage,
            {
                "next": url,
                "url": url,
                "a": {"upload_url": "http://api.test/v1/a{?name}"},
                "b": {"upload_url": "https://elsewhere.test/"},
                "c": {"upload_url": "http://other.test/a"},
                "d": {"upload_url": f"{url}?{LINK}1"},
                "e": {"upload_url": "//files.test/up"},
                "f": {"upload_url": "http://api.test/other"},
                "g": {"upload_url": "http://api.test/v1/../a"},
                "h": {"get": url},
            },
        )
        assert seen.pop("next") == "http://gateway.test/api/a"
        assert seen.pop("url") == url
        assert seen == {
            "a": {"upload_url": "http://gateway.test/api/a{?name}"},
            "b": {"upload_url": "https://elsewhere.test/"},
            "c": {"upload_url": "http://other.test/a"},
            "d": {"upload_url": f"http://gateway.test/api/a?{LINK}1"},
            "e": {"upload_url": "//files.test/up"},
            "f": {"upload_url": "http://api.test/other"},
            "g": {"upload_url": "http://api.test/v1/../a"},
            "h": {"get": url},
        }


def test_a_fragment_stays_the_last() -> None:
    """A fragment, which clients keep to themselves, comes after the link."""
    with playing() as stage:
        link = answered(stage, {"get": "http://api.test/v1/a?x#part"})["get"]
        assert link.startswith(f"http://gateway.test/api/a?x&{LINK}")
        assert link.endswith("#part")
        caller = follow(stage, link.removesuffix("#part"), "HEAD")
        assert last(stage).startswith(b"HEAD /v1/a?x HTTP/1.1\r\n")
        stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 5")
        assert caller.takes().startswith(b"HTTP/1.1 200")


def test_one_method() -> None:
    """A link for POST is none for anything else, and one for GET none for POST."""
    with playing() as stage:
        seen = answered(stage, {"upload_url": FILES, "get": FILES})
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            follow(stage, seen["upload_url"], method).hears_problem(401, "key-malformed")
        follow(stage, seen["get"]).hears_problem(401, "key-malformed")
        assert stage.dialled == 1


def test_one_url() -> None:
    """Another path, query, upstream, or way to call it: refused, and nothing leaves."""
    with playing() as stage:
        link = answered(stage, {"upload_url": f"{FILES}?a=1"})["upload_url"]
        _, _, value = link.rpartition("&")
        for url in (
            link.replace("/up/1", "/up/2"),
            link.replace("a=1", "a=2"),
            link.replace("a=1&", ""),
            link + "&b",
            link.replace("~files.test/", ""),
            link.replace("/api/~files.test", "/http://files.test"),
            link.replace("gateway.test/api/", "api.gateway.test/"),
            link[:-1],
            f"{link}&{value}",
            f"http://gateway.test/nothing/?{value}",
        ):
            follow(stage, url).hears_problem(401, "key-malformed")
        link = link.replace("gateway.test/api/~files.test/", "gateway.test/")
        follow(stage, link, "POST", "Exeat-Target: http://files.test").hears_problem(401, "key-malformed")
        assert stage.dialled == 1
        assert value.partition("=")[2] not in repr(stage.records) + stage.log


def test_until_it_expires() -> None:
    """It may be used again and again, for as long as it holds."""
    with playing() as stage:
        link = answered(stage, {"upload_url": FILES})["upload_url"]
        for _ in range(2):
            caller = follow(stage, link)
            stage.upstream(2).takes()
            stage.upstream(2).says("HTTP/1.1 204 No Content")
            assert b"204" in caller.takes()
        stage.passes(901)
        problem = follow(stage, link).hears_problem(401, "key-expired")
        assert problem["detail"] == "The link has expired."
        assert stage.records[-1]["key"] == ID


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda key: replace(key, revoked=True), 401, "key-revoked"),
        (lambda key: replace(key, expires_at=BEGAN - 1), 401, "key-expired"),
        (lambda key: replace(key, id="another"), 401, "key-unknown"),
        (lambda key: replace(key, networks=(ip_network("10.0.0.0/8"),)), 403, "ip-not-allowed"),
        (lambda key: replace(key, consumer=replace(key.consumer, name="other")), 401, "key-malformed"),
        (lambda key: replace(key, consumer=granted(())), 403, "grant-missing"),
    ],
)
def test_what_holds_for_the_key(change: Callable[[Key], Key], status: int, code: str) -> None:
    """What has become of the key since then holds for its links: they are no way around it."""
    with playing() as stage:
        link = answered(stage, {"upload_url": FILES})["upload_url"]
        stage.worker.swap(places(change))
        follow(stage, link).hears_problem(status, code)
        assert stage.dialled == 1


def test_rules_of_paths() -> None:
    """A link gives no more than the key has: what an upstream's rules deny is denied."""
    configuration = places()
    api = replace(configuration.upstreams[b"api"], paths=rules("/begin"))
    with playing(replace(configuration, upstreams={**configuration.upstreams, b"api": api})) as stage:
        link = answered(stage, {"upload_url": "http://api.test/v1/up"})["upload_url"]
        follow(stage, link).hears_problem(403, "path-not-granted")


def test_a_key_beside_it() -> None:
    """A key that is shown counts, and its link isn't looked at; nothing of it leaves in any spelling."""
    with playing() as stage:
        for query in (f"{LINK}nonsense", f"a&{LINK}1&{LINK}2&b=1", "exeat%2Dlink=1&exeat-link=2"):
            caller = follow(stage, f"http://gateway.test/api/up?{query}", "DELETE", KEYED)
            heard = last(stage)
            assert heard.split(b" ")[1] in {b"/v1/up", b"/v1/up?a&b=1"}
            stage.upstream().says("HTTP/1.1 204 No Content")
            assert b"204" in caller.takes()
        follow(stage, f"http://gateway.test/api/up?{LINK}1", "POST", "Exeat-Key: exeat_x").hears_problem(
            401, "key-malformed"
        )
        follow(stage, f"http://gateway.test/api/up?a={LINK}1").hears_problem(401, "key-missing")


def test_a_signature_beside_it() -> None:
    """A client of AWS signs the URL as it is, with the link in it, which doesn't leave."""
    with playing() as stage:
        stage.worker.signers.secrets_of = lambda _: (Secret(PAIR),)
        head = signed(f"/api/up?a=1&{LINK}x", "sqs", "POST", access_key=f"EXEAT{ID}", host="gateway.test", now=BEGAN)
        stage.caller().sends(head + b"\r\n\r\n")
        assert last(stage).startswith(b"POST /v1/up?a=1 HTTP/1.1\r\n")
        stage.upstream().says("HTTP/1.1 204 No Content")


def test_an_envelope() -> None:
    """A call of an envelope is made with the envelope's key; a link in it doesn't leave. Its answers have links."""
    with playing() as stage:
        caller = stage.caller()
        body = orjson.dumps({"url": f"http://api.test/v1/up?{LINK}1&a=1", "method": "POST"}).decode()
        caller.says("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(body)}", body=body)
        assert last(stage).startswith(b"POST /v1/up?a=1 HTTP/1.1\r\n")
        content = orjson.dumps({"upload_url": FILES}).decode()
        stage.upstream().says("HTTP/1.1 200 OK", JSON, f"Content-Length: {len(content)}", body=content)
        answer = orjson.loads(caller.takes().partition(b"\r\n\r\n")[2])
        link = answer["json"]["upload_url"] if "json" in answer else orjson.loads(answer["text"])["upload_url"]
        assert link.startswith(f"http://gateway.test/http://files.test/up/1?{LINK}")
        follow(stage, link)
        assert stage.upstream(2).takes().startswith(b"POST /up/1 HTTP/1.1\r\n")
        stage.upstream(2).says("HTTP/1.1 204 No Content")


def test_links_make_no_links() -> None:
    """The answer to a call by link has plain URLs: who has a link gets no other one by it."""
    with playing() as stage:
        link = answered(stage, {"upload_url": "http://api.test/v1/up"})["upload_url"]
        seen = answered(stage, {"upload_url": FILES}, link.removeprefix("http://gateway.test"), HOST)
        assert seen == {"upload_url": "http://gateway.test/api/~files.test/up/1"}


@pytest.mark.parametrize(
    ("target", "lines", "begins", "follows"),
    [
        ("/begin", ["Host: api.gateway.test", KEYED], "http://api.gateway.test/up?", []),
        ("/http://api.test/v1/begin", [HOST, KEYED], "http://gateway.test/http://api.test/v1/up?", []),
        (
            "/v1/begin",
            [HOST, KEYED, "Exeat-Target: http://api.test"],
            "http://gateway.test/v1/up?",
            ["Exeat-Target: http://api.test"],
        ),
    ],
)
def test_every_mode(target: str, lines: list[str], begins: str, follows: list[str]) -> None:
    """A link is in the caller's form, and good for that."""
    with playing() as stage:
        link = answered(stage, {"upload_url": "http://api.test/v1/up"}, target, *lines)["upload_url"]
        assert link.startswith(begins + LINK)
        follow(stage, link, "POST", *follows)
        assert last(stage).startswith(b"POST /v1/up HTTP/1.1\r\n")
        stage.upstream().says("HTTP/1.1 204 No Content")


def test_after_a_rotation() -> None:
    """Whichever secret of the keyring made a link, it is good; the keyring is looked at again before it is refused."""
    with playing(names=("old",)) as stage:
        link = answered(stage, {"upload_url": FILES})["upload_url"]
        knows(stage, "new", "old")
        follow(stage, link)
        stage.upstream(2).takes()
        stage.upstream(2).says("HTTP/1.1 204 No Content")
        knows(stage, "new")
        follow(stage, link).hears_problem(401, "key-malformed")
        looks: list[int] = []

        def look() -> tuple[Secret, ...]:
            looks.append(1)
            return Secret("newest"), Secret("old")

        stage.worker.signers.fresh_link_secrets = look
        follow(stage, link)
        assert last(stage, 2).startswith(b"POST /up/1 ")
        stage.upstream(2).says("HTTP/1.1 204 No Content")
        follow(stage, link + "x").hears_problem(401, "key-malformed")
        stage.passes(901)
        follow(stage, link).hears_problem(401, "key-expired")
        assert len(looks) == 2


def test_without_a_keyring() -> None:
    """Nothing is signed then; URLs lead through the gateway all the same."""
    with on_stage(places()) as stage:
        assert answered(stage, {"upload_url": FILES}) == {"upload_url": "http://gateway.test/api/~files.test/up/1"}


def test_own_paths_take_no_link() -> None:
    """What Exeat answers itself wants a key."""
    with playing() as stage:
        link = answered(stage, {"upload_url": FILES})["upload_url"]
        follow(stage, f"http://gateway.test/-/whoami?{link.rpartition('?')[2]}", "GET").hears_problem(
            401, "key-missing"
        )


def test_it_stands_in_no_field_that_leaves() -> None:
    """A client that repeats the link somewhere else gives it to nobody."""
    with playing() as stage:
        link = answered(stage, {"upload_url": FILES})["upload_url"]
        follow(stage, link, "POST", f"Referer: {link}").hears_problem(400, "malformed-request", closes=False)
        assert KEY.decode() not in stage.log
