"""Upstreams, consumers, destinations and sections."""

import pytest
import trustme

from exeat.config.display import MASK
from exeat.store.configuration.stored import read_stored
from tests.admin.service import UPSTREAM, Api
from tests.support.markers import MARKERS

EXAMPLES = [
    ("/upstreams/github", UPSTREAM, {**UPSTREAM, "methods": ["GET"]}),
    ("/consumers/web", {"grants": ["*"]}, {"grants": ["destinations"]}),
    ("/destinations/*.example.org", {"host": "*.example.org"}, {"host": "*.example.org", "plaintext": True}),
    ("/sections/cors", {"origins": ["https://app.example.com"]}, {"origins": ["*"]}),
    ("/sections/domains", ["gateway.internal"], ["gw.internal"]),
    ("/sections/limits", [{"rate": "100/second", "per": "ip"}], [{"concurrency": 500, "wait": "2s"}]),
    (
        "/upstreams/paid",
        {**UPSTREAM, "price": "1 USD"},
        {**UPSTREAM, "limits": [{"budget": "9 USD/day", "price": "1 USD"}]},
    ),
    ("/consumers/app", {"limits": [{"quota": "50_000/month"}], "priority": 0}, {"limits": []}),
]


@pytest.mark.parametrize(("path", "first", "second"), EXAMPLES)
def test_life_of_an_object(either_api: Api, path: str, first: object, second: object) -> None:
    """An object is made, read, put anew with the version that was read, and removed; each with a revision."""
    api = either_api
    made = api.ask("PUT", path, first)
    assert made.status_code == 200
    assert made.json()["data"] == first
    assert api.get(path) == {**made.json(), "warnings": []}
    changed = api.fine("PUT", path, second, tag=made.headers["etag"])
    assert changed["data"] == second
    assert changed["revision"] == 2
    assert [item["data"] for item in api.get(path.rpartition("/")[0])["items"]] == [second]
    assert api.ask("DELETE", path, tag='"2"').status_code == 204
    assert api.refused("GET", path) == (404, "not-found")
    assert api.world.revisions == [1, 2, 3]
    what = path.removeprefix("/").replace("s/", "/", 1)
    assert [(record.actor, record.action, record.what) for record in api.world.records] == [
        ("local", action, what) for action in ("create", "update", "delete")
    ]


def test_destination_without_its_host(api: Api) -> None:
    """A destination's host is its name, and need not be said again."""
    assert api.fine("PUT", "/destinations/api.example.com", {})["data"] == {"host": "api.example.com"}
    assert "/host" in api.problems("PUT", "/destinations/api.example.org", {"host": "other.example.org"})
    assert "" in api.problems("PUT", "/destinations/API.example.org", {})


def test_versions(api: Api) -> None:
    """What exists is changed only by who has seen it as it is."""
    path = "/upstreams/github"
    api.fine("PUT", path, UPSTREAM, headers={"If-None-Match": "*"})
    assert api.refused("PUT", path, UPSTREAM) == (428, "version-missing")
    assert api.refused("PUT", path, UPSTREAM, headers={"If-None-Match": "*"}) == (412, "stale")
    assert api.refused("PUT", path, UPSTREAM, tag='"7"') == (412, "stale")
    assert api.refused("PUT", path, UPSTREAM, tag='W/"1"') == (412, "stale")
    assert api.refused("PUT", path, UPSTREAM, tag="1") == (400, "malformed-request")
    assert api.refused("PATCH", path, {"via": True}) == (428, "version-missing")
    assert api.refused("DELETE", path) == (428, "version-missing")
    assert api.refused("PUT", "/upstreams/other", UPSTREAM, tag='"1"') == (412, "stale")
    assert api.fine("PUT", path, {**UPSTREAM, "via": True}, tag='"9", "1"')["revision"] == 2
    assert api.fine("PUT", path, UPSTREAM, tag="*")["revision"] == 3


def test_nothing_new_makes_no_revision(api: Api) -> None:
    """Putting what is there already changes nothing, and leaves no record."""
    api.fine("PUT", "/upstreams/github", UPSTREAM)
    assert api.fine("PUT", "/upstreams/github", UPSTREAM, tag='"1"')["revision"] == 1
    assert api.world.revisions == [1]
    assert len(api.world.records) == 1


def test_patch(api: Api) -> None:
    """A PATCH changes members, goes deeper into objects, and removes what is null (RFC 7396)."""
    api.fine("PUT", "/upstreams/github", {**UPSTREAM, "timeout": {"connect": "1s", "idle": "9s"}, "via": True})
    patch = {"timeout": {"connect": "2s", "idle": None}, "via": None}
    headers = {"Content-Type": "application/merge-patch+json"}
    patched = api.fine("PATCH", "/upstreams/github", patch, tag='"1"', headers=headers)
    assert patched["data"] == {**UPSTREAM, "timeout": {"connect": "2s"}}
    assert api.refused("PATCH", "/upstreams/none", {}, tag="*") == (404, "not-found")


def test_every_problem_at_once(api: Api) -> None:
    """A rejected body has all of its problems, each with its place in the body, and nothing is changed."""
    body = {"url": "ftp://x", "methods": ["G T"], "network": {"private": ["10.0.0.0/99"]}, "timeout": {"connect": "x"}}
    problems = api.problems("PUT", "/upstreams/github", body)
    assert set(problems) == {"/url", "/methods", "/network/private", "/timeout/connect"}
    assert api.get("/upstreams")["items"] == []
    assert api.world.records == []
    assert api.world.revisions == []


def test_problems_of_others(api: Api) -> None:
    """What a change breaks elsewhere is named by its place in the document."""
    api.fine("PUT", "/upstreams/github", UPSTREAM)
    api.fine("PUT", "/consumers/web", {"grants": ["github"]})
    answer = api.ask("DELETE", "/upstreams/github", tag='"1"').json()
    assert [(problem["pointer"], problem["path"]) for problem in answer["problems"]] == [
        ("", "consumers.web.grants[0]")
    ]
    assert api.get("/upstreams/github")["revision"] == 1


def test_destination_by_its_host(api: Api) -> None:
    """A problem of a destination is told by its host: its number in the whole document means nothing to anybody."""
    api.world.document = "destinations: [a.example.com, b.example.com]\n"
    answer = api.ask("PUT", "/destinations/c.example.com", {"private": ["x"]}).json()
    assert [(one["pointer"], one["path"]) for one in answer["problems"]] == [
        ("/private", "destinations[c.example.com].private")
    ]


def test_a_removal_that_mends(api: Api) -> None:
    """Where the document is faulty already, a change that adds no problem may still take something away."""
    api.fine("PUT", "/upstreams/github", {**UPSTREAM, "hosts": ["a.example.com"]})
    api.fine("PUT", "/destinations/api.example.org", {})
    api.world.document = "upstreams: {other: {url: 'https://o.example.com', hosts: [a.example.com]}, bad: {}}\n"
    assert api.refused("PUT", "/destinations/b.example.org", {}) == (422, "invalid")
    assert api.ask("DELETE", "/upstreams/github", tag='"1"').status_code == 204


def test_mending_one_thing_at_a_time(api: Api) -> None:
    """Where a file has broken several things, each can be mended by itself; what remains is said as a warning."""
    api.world.document = "upstreams: {filed: {url: 'https://f.example.com'}}\n"
    for name in "ab":
        api.fine("PUT", f"/consumers/{name}", {"grants": ["filed"]})
    api.world.document = "{}\n"
    assert api.refused("PUT", "/upstreams/other", UPSTREAM) == (422, "invalid")
    mended = api.fine("PUT", "/consumers/a", {"grants": ["*"]}, tag="*")
    assert [warning["path"] for warning in mended["warnings"]] == ["consumers.b.grants[0]"]
    assert api.fine("PUT", "/consumers/b", {"grants": ["*"]}, tag="*")["warnings"] == []


def test_warnings(api: Api) -> None:
    """A change is answered with the warnings of what it describes."""
    assert api.fine("PUT", "/consumers/a", {"grants": ["*"]})["warnings"] == []
    [warning] = api.fine("PUT", "/consumers/b", {})["warnings"]
    assert (warning["pointer"], warning["path"]) == ("", "consumers.b")
    assert api.fine("PUT", "/consumers/c", {"grants": ["*"]})["warnings"] == []


def test_dry_run(api: Api) -> None:
    """A dry run says what would change and what is wrong; nothing is kept, and nothing recorded."""
    preview = api.fine("PUT", "/upstreams/github", UPSTREAM, params={"dry_run": "true"})
    change = {"kind": "upstream", "name": "github", "action": "create", "before": None, "after": UPSTREAM}
    assert preview == {"problems": [], "warnings": [], "changes": [change]}
    wrong = api.fine("PUT", "/upstreams/github", {"url": "x"}, params={"dry_run": "true"})
    assert [problem["pointer"] for problem in wrong["problems"]] == ["/url"]
    assert api.get("/upstreams")["items"] == []
    assert (api.world.records, api.world.revisions) == ([], [])


def test_misspelt_parameter(api: Api) -> None:
    """An unknown parameter is refused, so that a misspelt dry run doesn't become a change."""
    answer = api.ask("PUT", "/upstreams/github", UPSTREAM, params={"dryrun": "true"})
    assert answer.status_code == 400
    assert "'dry_run'" in answer.json()["detail"]
    assert api.refused("PUT", "/upstreams/github", UPSTREAM, params={"dry_run": ["true", "false"]})[0] == 400


def test_objects_from_outside(api: Api) -> None:
    """Objects of file and environment stand beside those of the database, say where they are from, and stay."""
    literal = MARKERS.make("literal in a file")
    MARKERS.add_input(api.world.folder / "exeat.yaml")
    api.world.document = (
        "upstreams:\n  billing:\n    url: https://b.example.com\n"
        f"    credential: {{kind: bearer, secret: {literal}}}\ndestinations: [c.example.com]\n"
    )
    api.world.variables = {"EXEAT_UPSTREAMS__ABC__URL": "https://abc.example.com"}
    api.fine("PUT", "/upstreams/another", UPSTREAM)
    items = api.get("/upstreams")["items"]
    assert [(item["name"], item["source"], item["read_only"]) for item in items] == [
        ("abc", "environment", True), ("another", "database", False), ("billing", "file exeat.yaml:2", True),
    ]  # fmt: skip
    billing = api.ask("GET", "/upstreams/billing")
    assert billing.json()["data"]["credential"]["secret"] == MASK
    assert "etag" not in billing.headers
    assert api.get("/destinations/c.example.com")["data"] == {"host": "c.example.com"}
    for method, path in ("PUT", "/upstreams/billing"), ("PATCH", "/upstreams/abc"), ("DELETE", "/upstreams/billing"):
        body = None if method == "DELETE" else UPSTREAM
        assert api.refused(method, path, body) == (409, "read-only")


def test_pages(api: Api) -> None:
    """A list comes in pages, whichever source its objects are from."""
    api.world.document = "upstreams: {b: {url: 'https://b.example.com'}, d: {url: 'https://d.example.com'}}\n"
    for name in "ace":
        api.fine("PUT", f"/upstreams/{name}", {"url": f"https://{name}.example.com"})
    found, after = [], None
    while True:
        page = api.get("/upstreams", limit=2, **({"after": after} if after else {}))
        found.append([item["name"] for item in page["items"]])
        after = page["next"]
        if after is None:
            break
    assert found == [["a", "b"], ["c", "d"], ["e"]]


def test_literal_goes_into_the_vault(api: Api) -> None:
    """A secret that is written into an upstream is never shown again, nor recorded: a reference stands there."""
    literal = MARKERS.make("literal")
    credential = {"kind": "bearer", "secret": literal}
    made = api.fine("PUT", "/upstreams/github", {**UPSTREAM, "credential": credential})
    assert made["data"]["credential"]["secret"] == "${vault:github.credential.secret}"
    shown = [api.get(path) for path in ("/upstreams", "/revisions/1", "/export", "/credentials")]
    assert literal not in repr((made, shown, api.world.records))
    masked = api.problems("PUT", "/upstreams/github", {**UPSTREAM, "credential": {"kind": "bearer", "secret": MASK}})
    assert set(masked) == {"/credential/secret"}
    mixed = {**UPSTREAM, "credential": {"kind": "bearer", "secret": "a-${B}"}}
    assert set(api.problems("PUT", "/upstreams/mixed", mixed)) == {"/credential/secret"}


def test_secrets_of_tokens_go_into_the_vault(api: Api) -> None:
    """So are those that tokens are asked for with, whatever they are called; what isn't secret is shown."""
    literal = MARKERS.make("literal")
    credential = {
        "kind": "oauth2-refresh-token",
        "token_url": "https://login.example.com/token",
        "client_id": "orders",
        "client_secret": literal,
        "refresh_token": literal,
        "parameters": {"tenant": literal},
    }
    made = api.fine("PUT", "/upstreams/github", {**UPSTREAM, "credential": credential})
    assert made["data"]["credential"] == credential | {
        "client_secret": "${vault:github.credential.client_secret}",
        "refresh_token": "${vault:github.credential.refresh_token}",
        "parameters": {"tenant": "${vault:github.credential.parameters.tenant}"},
    }
    shown = [api.get(path) for path in ("/upstreams", "/revisions/1", "/export", "/credentials")]
    assert literal not in repr((made, shown, api.world.records))
    faulty = {**UPSTREAM, "credential": credential | {"client_secret": MASK}}
    assert set(api.problems("PUT", "/upstreams/github", faulty)) == {"/credential/client_secret"}


def test_a_private_key_among_certificates_is_not_kept(api: Api) -> None:
    """Certificates aren't secret, so a bundle with its key is refused: nothing of it is kept, recorded or said."""
    issued = trustme.CA().issue_cert("me.example")
    bundle, key = issued.private_key_and_cert_chain_pem.bytes().decode(), issued.private_key_pem.bytes().decode()
    secret = max(key.splitlines(), key=len)
    swapped = {"certificate": key, "key": issued.cert_chain_pems[0].bytes().decode()}
    for tls, member in (({"certificate": bundle, "key": key}, "certificate"), ({"ca": bundle}, "ca"), (swapped, "key")):
        found = api.problems("PUT", "/upstreams/github", {**UPSTREAM, "tls": tls})
        assert f"/tls/{member}" in found
        assert secret not in repr(found)
    assert read_stored(api.world.engine).revision == 0
    assert secret not in repr((api.get("/upstreams"), api.get("/export"), api.world.records))


def test_what_cannot_be_recorded_is_not_done(api: Api) -> None:
    """A change without a record isn't made."""
    api.world.keeps_records = False
    assert api.refused("PUT", "/upstreams/github", UPSTREAM) == (503, "audit-unavailable")
    assert api.get("/upstreams")["items"] == []
    assert read_stored(api.world.engine).revision == 0


@pytest.mark.parametrize("name", ["Git_Hub", "-", "a" * 64, "a%00b", "destinations"])
def test_names(api: Api, name: str) -> None:
    """A name that can't be is refused before anything else is done."""
    assert api.refused("PUT", f"/upstreams/{name}", UPSTREAM)[0] in {400, 422}


def test_unknown_section(api: Api) -> None:
    """Only the document's own sections exist."""
    assert api.refused("PUT", "/sections/other", {}) == (404, "not-found")
    assert "" in api.problems("PUT", "/sections/domains", {"a": 1})
    assert "" in api.problems("PUT", "/sections/cors", ["a"])


def test_removed_consumer_takes_its_keys(api: Api) -> None:
    """With a consumer its keys are revoked."""
    api.fine("PUT", "/consumers/web", {"grants": ["*"]})
    made = api.fine("POST", "/keys", {"consumer": "web"})
    MARKERS.add_key(made["key"])
    assert api.ask("DELETE", "/consumers/web", tag='"1"').status_code == 204
    assert api.get(f"/keys/{made['id']}")["state"] == "revoked"


def test_problems_of_limits(api: Api) -> None:
    """What is wrong with limits has its place in the body, whatever that is."""
    faulty = [{"rate": "5/day"}, {"rate": "5/our", "burst": 0}, {"quota": "4/year"}]
    found = {"/1/rate", "/1/burst"}
    assert set(api.problems("PUT", "/sections/limits", faulty)) == found
    assert set(api.problems("PUT", "/consumers/web", {"limits": faulty})) == {f"/limits{place}" for place in found}
    assert set(api.problems("PUT", "/consumers/web", {"limits": [faulty[0], faulty[2]]})) == {"/limits/1/quota"}
    assert set(api.problems("PUT", "/upstreams/a", {**UPSTREAM, "limits": [{"budget": "1 USD/day"}]})) == {
        "/limits/0/budget"
    }
    assert set(api.problems("PUT", "/upstreams/a", {**UPSTREAM, "price": {"call": "1 USD", "factor": 2}})) == {"/price"}
    assert "" in api.problems("PUT", "/sections/limits", {"rate": "5/day"})
