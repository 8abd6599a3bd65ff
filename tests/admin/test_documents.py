"""Apply, export and the way back."""

from typing import Any

import yaml

from tests.admin.service import UPSTREAM, Api
from tests.support.markers import MARKERS

DOCUMENT = """\
upstreams:
  github:
    url: https://api.github.com
    credential: {kind: bearer, secret: "%s"}
destinations: ["*.example.org", {host: a.example.com, plaintext: true}]
consumers:
  web: {grants: [{upstream: github, limits: [{rate: 5/minute}]}, destinations], limits: [{quota: 50_000/month}]}
limits: [{rate: 100/second, burst: 1_000, per: "header:X-Tenant"}]
domains: [gw.internal]
"""
YAML = {"Content-Type": "application/yaml"}


def apply(api: Api, text: str, **options: Any) -> Any:
    """Send a document as YAML."""
    response = api.ask(
        "POST", "/apply", content=text.encode(), headers={**YAML, **options.pop("fields", {})}, **options
    )
    assert response.status_code == 200, response.text
    return response.json()


def test_apply_and_export(either_api: Api) -> None:
    """A document is applied whole, in one revision, and comes out again as it can be applied: to no effect."""
    api = either_api
    text = DOCUMENT % MARKERS.make("literal")
    applied = apply(api, text)
    assert applied["revision"] == 1
    assert sorted(f"{one['kind']}/{one['name']}" for one in applied["changes"]) == [
        "consumer/web", "credential/github.credential.secret", "destination/*.example.org",
        "destination/a.example.com", "section/domains", "section/limits", "upstream/github",
    ]  # fmt: skip
    exported = api.ask("GET", "/export", params={"format": "yaml"})
    assert exported.headers["etag"] == '"1"'
    written = yaml.safe_load(exported.text)
    assert written["upstreams"]["github"]["credential"]["secret"] == "${vault:github.credential.secret}"
    assert written["destinations"] == ["*.example.org", {"host": "a.example.com", "plaintext": True}]
    assert api.get("/export") == written
    assert apply(api, exported.text)["changes"] == []
    assert apply(api, text)["changes"] == []
    assert api.world.revisions == [1]


def test_apply_removes_and_keeps(api: Api) -> None:
    """What the document doesn't name goes, unless it is told not to prune."""
    api.fine("PUT", "/upstreams/old", UPSTREAM)
    document = {"upstreams": {"new": UPSTREAM}}
    assert [one["action"] for one in api.fine("POST", "/apply", document, params={"prune": "false"})["changes"]] == [
        "create"
    ]
    assert [one["name"] for one in api.fine("POST", "/apply", document)["changes"]] == ["old"]
    assert api.fine("POST", "/apply", {})["changes"][0]["action"] == "delete"


def test_nothing_is_half_applied(api: Api) -> None:
    """A document with faults changes nothing; each one has its place in the document, and its line."""
    api.fine("PUT", "/upstreams/old", UPSTREAM)
    text = (
        "upstreams:\n  good: {url: 'https://g.example.com'}\n  bad: {url: 'ftp://x'}\n"
        "destinations:\n  - z.example.com\n  - {host: a.example.com, private: [x]}\n"
        "consumers:\n  web: {grants: [nobody]}\n"
    )
    found = api.problems("POST", "/apply", content=text.encode(), headers=YAML)
    assert set(found) == {"/upstreams/bad/url", "/destinations/1/private", "/consumers/web/grants/0"}
    assert [item["name"] for item in api.get("/upstreams")["items"]] == ["old"]
    assert api.world.revisions == [1]


def test_what_can_be_no_document(api: Api) -> None:
    """What isn't shaped like a document is refused with every fault of its shape."""
    text = "upstreams: [a]\nother: 1\nconsumers: {Web_: {}, b: 1}\ndestinations: {a: 1}\ndomains: x\n"
    found = api.problems("POST", "/apply", content=text.encode(), headers=YAML)
    assert set(found) == {"/upstreams", "/other", "/consumers/Web_", "/consumers/b", "/destinations", "/domains"}
    assert set(api.problems("POST", "/apply", content=b"a: 1\na: 2\n", headers=YAML)) == {"/a"}
    assert set(api.problems("POST", "/apply", content=b"- 1\n", headers=YAML)) == {""}
    assert api.refused("POST", "/apply", content=b"\xff", headers=YAML) == (400, "malformed-request")
    assert api.refused("POST", "/apply", content=b"{}", headers={"Content-Type": "text/plain"})[0] == 415
    for broken in (b'domains: ["\\ud800"]', b"audit: {retention: 1e999}", b'upstreams: {"\\ud800": {}}'):
        assert len(api.problems("POST", "/apply", content=broken, headers=YAML)) == 1
    twice = {"destinations": ["a.example.com", {"host": "a.example.com"}]}
    assert set(api.problems("POST", "/apply", twice)) == {"/destinations/1"}


def test_apply_to_what_was_seen(api: Api) -> None:
    """With the version of an export, a document isn't applied to something else."""
    tag = api.tag("/export")
    api.fine("PUT", "/upstreams/meanwhile", UPSTREAM)
    assert api.refused("POST", "/apply", {}, tag=tag) == (412, "stale")
    api.fine("POST", "/apply", {}, tag='"1"')


def test_dry_run_of_apply(api: Api) -> None:
    """A dry run tells changes and problems, and leaves everything as it is."""
    preview = api.fine("POST", "/apply", {"upstreams": {"a": UPSTREAM, "b": {}}}, params={"dry_run": "true"})
    assert [one["name"] for one in preview["changes"]] == ["a", "b"]
    assert [one["pointer"] for one in preview["problems"]] == ["/upstreams/b"]
    assert api.world.revisions == []


def test_export_of_everything(api: Api) -> None:
    """With all sources the export has those of file and environment too."""
    api.world.document = "upstreams: {filed: {url: 'https://f.example.com'}}\ndestinations: [f.example.com]\n"
    api.fine("PUT", "/upstreams/own", UPSTREAM)
    api.fine("PUT", "/destinations/d.example.com", {})
    exported = api.get("/export", all="true")
    assert sorted(exported["upstreams"]) == ["filed", "own"]
    assert exported["destinations"] == ["f.example.com", "d.example.com"]


def test_rollback(either_api: Api) -> None:
    """Objects become what they were after a revision, as a change with a number of its own."""
    api = either_api
    api.fine("PUT", "/upstreams/github", UPSTREAM, params={"why": "first"})
    api.fine("PUT", "/upstreams/github", {**UPSTREAM, "via": True}, tag='"1"')
    api.fine("PUT", "/destinations/d.example.com", {})
    assert api.refused("POST", "/revisions/1/rollback", tag='"1"') == (412, "stale")
    back = api.fine("POST", "/revisions/1/rollback", tag='"3"')
    assert back["revision"] == 4
    assert api.get("/upstreams/github")["data"] == UPSTREAM
    assert api.get("/destinations")["items"] == []
    revisions = api.get("/revisions")["items"]
    assert [(one["number"], one["who"], one["why"]) for one in revisions] == [
        (4, "local", "back to revision 1"), (3, "local", ""), (2, "local", ""), (1, "local", "first"),
    ]  # fmt: skip
    assert api.get("/revisions/2")["changes"] == [
        {"kind": "upstream", "name": "github", "action": "update", "before": UPSTREAM,
         "after": {**UPSTREAM, "via": True}}
    ]  # fmt: skip
    page = api.get("/revisions", limit=3)
    assert page["next"] == "2"
    assert [one["number"] for one in api.get("/revisions", after="2")["items"]] == [1]
    assert api.refused("POST", "/revisions/9/rollback") == (404, "not-found")
    assert api.refused("GET", "/revisions/9") == (404, "not-found")
    assert api.fine("POST", "/revisions/0/rollback", params={"dry_run": "true"})["changes"][0]["action"] == "delete"
