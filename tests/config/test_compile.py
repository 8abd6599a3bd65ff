"""From a document to a snapshot, and everything that can be wrong between its objects."""

from ipaddress import ip_network

import pytest

from exeat.model.origin import Origin
from exeat.model.upstream import Reach, Timeouts
from tests.config.conftest import Desk

DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
PRODUCT = f"""
upstreams:
  github:
    url: https://api.github.com
    credential: {{kind: bearer, secret: "${{GITHUB_TOKEN}}"}}
    limits: [{{rate: 5000/hour}}]
  stripe:
    url: https://api.stripe.com/
    credential: {{kind: basic, username: "${{file:stripe}}"}}
    paths: {{allow: ["/v1/**"], deny: ["/v1/accounts/**"]}}
    limits: [{{budget: 200 USD/month, price: 0.005 USD}}]
  openai:
    url: https://api.openai.com/v1/
    credential: {{kind: bearer, secret: "${{OPENAI}}"}}
    timeout: {{connect: 5s, response: 120s, idle: 300s, total: off}}
    limits: [{{concurrency: 20, wait: 2s}}]
  billing:
    endpoints: [https://billing-a.internal:8443, https://billing-b.internal:8443/base/]
    network: {{private: [10.1.2.0/24]}}
    hosts: [billing.example]
destinations:
  - api.example.com
  - "*.example.org"
  - partner.example.net:8443
  - {{host: "*.corp.example", private: [10.0.0.0/8]}}
consumers:
  web-shop:
    keys: [{{sha256: {DIGEST}, expires: 2100-01-01, networks: [10.2.0.0/16]}}]
    grants: [github, {{upstream: stripe, methods: [GET, POST], paths: ["/v1/charges/**"]}}, destinations]
    limits: [{{rate: 100/minute, burst: 20}}, {{quota: 50_000/month}}]
    networks: {{allow: [10.0.0.0/8], mode: report}}
  root: {{grants: ["*"]}}
cors: {{origins: ["https://app.example.com"], max_age: 1h}}
"""


def test_the_products_own_document(desk: Desk) -> None:
    """The example of the contract becomes the indexes that a request is looked up in."""
    desk.write("sk_live\n", "stripe")
    loaded = desk.load(PRODUCT, GITHUB_TOKEN="gh", OPENAI="oa")
    snapshot = loaded.snapshot
    assert list(snapshot.upstreams) == [b"github", b"stripe", b"openai", b"billing"]
    assert snapshot.hosts == {b"billing.example": snapshot.upstreams[b"billing"]}
    assert snapshot.origins[Origin("https", "api.github.com", 443)] == (snapshot.upstreams[b"github"],)
    assert [end.base_path for end in snapshot.upstreams[b"billing"].endpoints] == [b"", b"/base"]
    assert snapshot.upstreams[b"openai"].endpoints[0].base_path == b"/v1"
    assert snapshot.upstreams[b"openai"].timeouts == Timeouts(response_s=120, total_s=None, total_is_default=False)
    assert snapshot.upstreams[b"github"].timeouts == Timeouts()
    assert set(snapshot.exact) == {"api.example.com", "partner.example.net"}
    assert set(snapshot.below) == {"example.org", "corp.example"}
    assert snapshot.below["corp.example"][0].reach == Reach((ip_network("10.0.0.0/8"),))
    assert snapshot.domains == (b"gateway.internal", b"localhost")
    assert snapshot.cors is not None
    assert (snapshot.cors.origins, snapshot.cors.max_age_s) == (frozenset({b"https://app.example.com"}), 3600)
    assert loaded.warnings == ()


def test_consumers_are_indexed(desk: Desk) -> None:
    """Grants stand under every name that they cover; keys under their digest."""
    desk.write("sk_live\n", "stripe")
    snapshot = desk.load(PRODUCT, GITHUB_TOKEN="gh", OPENAI="oa").snapshot
    key = snapshot.keys[bytes.fromhex(DIGEST)]
    shop, root = snapshot.consumers["web-shop"], snapshot.consumers["root"]
    assert (key.id, key.consumer, key.expires_at) == (DIGEST[:12], shop, 4102444800.0)
    assert set(shop.upstreams) == {"github", "stripe"}
    assert set(root.upstreams) == {"github", "stripe", "openai", "billing"}
    assert (
        set(shop.destinations)
        == set(root.destinations)
        == {
            "api.example.com",
            "*.example.org",
            "partner.example.net:8443",
            "*.corp.example",
        }
    )
    assert shop.upstreams["stripe"][0].methods == frozenset({b"GET", b"POST"})
    assert (shop.networks, shop.networks_report) == ((ip_network("10.0.0.0/8"),), True)


def test_all_problems_at_once(desk: Desk) -> None:
    """Faults of every kind, in every object, come in one answer, in the order of their lines."""
    lines = desk.problems(
        "upstreams:\n"
        "  A: {url: https://a.com}\n"
        "  b:\n"
        "    url: http://b.com\n"
        "    timeout: {conect: 5s}\n"
        "    credential: {kind: bearer, secret: '${NOPE}'}\n"
        "destinations:\n"
        "  - '*foo.com'\n"
        "consumers:\n"
        "  c:\n"
        "    grants: [bb, {upstream: b, method: [GET]}]\n"
        "    keys: [{sha256: abc}]\n"
        "unknown: 1\n"
    )
    assert [line.partition(": ")[0].removeprefix("exeat.yaml:") for line in lines] == [
        "2", "4", "5", "6", "8", "11", "11", "12", "13"
    ]  # fmt: skip


ONE = "upstreams: {a: {url: 'https://a.com', %s}}\n"
TWO = "upstreams: {a: {url: 'https://a.com', %s}, b: {url: 'https://b.com', %s}}\n"


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("upstreams: {a: {}}", "upstreams.a", "needs 'url' or 'endpoints'"),
        ("upstreams: {a: {url: 'https://a.com', endpoints: ['https://b.com']}}", "upstreams.a", "has both"),
        ("upstreams: {a: {url: 'http://a.com'}}", "upstreams.a.url", "plaintext: true"),
        ("upstreams: {a: {url: 'https://u:p@a.com'}}", "upstreams.a.url", "credential"),
        ("upstreams: {a: {url: 'https://a.com/?x'}}", "upstreams.a.url", "query"),
        ("upstreams: {a: {url: 'https://a.com/#x'}}", "upstreams.a.url", "fragment"),
        ("upstreams: {a: {url: a.com}}", "upstreams.a.url", "https://host"),
        ("upstreams: {a: {url: 'https://a.com/../x'}}", "upstreams.a.url", "dot segment"),
        ("upstreams: {a: {url: 'https://10.0.0.1'}}", "upstreams.a.url", "network.private"),
        ("upstreams: {a: {url: 'https://[fd00::1]'}}", "upstreams.a.url", "[fd00::1/128]"),
        ("upstreams: {a: {url: 'https://169.254.169.254'}}", "upstreams.a.url", "can never be called"),
        ("upstreams: {a: {url: 'https://metadata.google.internal'}}", "upstreams.a.url", "metadata"),
        ("upstreams: {a: {endpoints: ['https://a.com', 'https://A.com/']}}", "upstreams.a.endpoints", "twice"),
        ("upstreams: {a: {endpoints: ['https://a.com', 'http://b.com']}}", "upstreams.a.endpoints[1]", "plaintext"),
        ("upstreams: {a: {url: 'http://a.com', plaintext: true, tls: {}}}", "upstreams.a.tls", "no effect"),
        ("upstreams: {a: text}", "upstreams.a", "must be a mapping"),
        ("upstreams: [a]", "upstreams", "must be a mapping"),
        ("destinations: {a: 1}", "destinations", "must be a list"),
        ("destinations: [a.com, b.com, a.com]", "destinations[2]", "listed already (file exeat.yaml:1)"),
        ("destinations: [{hots: a.com}]", "destinations[0].hots", "did you mean 'host'?"),
        ("domains: ['*.x']", "domains", "isn't a host name"),
        ("upstreem: {}", "upstreem", "did you mean 'upstreams'?"),
        (ONE % "retries: 11", "upstreams.a.retries", "write a number from 0 to 10"),
        (ONE % "errors: normalized", "upstreams.a.errors", "not supported by this version"),
        (ONE % "plaintext: no", "upstreams.a.plaintext", "write true or false"),
        (ONE % "methods: []", "upstreams.a.methods", "empty list"),
        (ONE % "methods: [get]", "upstreams.a.methods", "write 'GET'"),
        (ONE % "methods: [CONNECT]", "upstreams.a.methods", "never forwarded"),
        (ONE % "paths: {}", "upstreams.a.paths", "neither allow nor deny"),
        (ONE % "paths: [v1]", "upstreams.a.paths", "begin with '/'"),
        (ONE % "timeout: {idle: off}", "upstreams.a.timeout.idle", "write a duration"),
        (ONE % "hosts: [A.com]", "upstreams.a.hosts", "write 'a.com'"),
        (ONE % "hosts: ['1.2.3.4']", "upstreams.a.hosts", "is an address"),
        (ONE % "hosts: [localhost]", "upstreams.a.hosts", "gateway's own domains"),
        (TWO % ("hosts: [x.com]", "hosts: [x.com]"), "upstreams.b.hosts", "upstream 'a'"),
        (TWO % ("hosts: [b.localhost]", ""), "upstreams.a.hosts", "gateway's own domains"),
        (TWO % ("tls: {verify: false}", "tls: {verify: false}"), "upstreams.a.tls.verify", "one at most"),
        (ONE % "credential: bearer", "upstreams.a.credential", "{kind: …, …}"),
        (ONE % "credential: {secret: x}", "upstreams.a.credential", "one of bearer, basic, header"),
        (ONE % "credential: {kind: oauth2}", "upstreams.a.credential", "one of bearer, basic, header"),
        (ONE % "credential: {kind: bearer}", "upstreams.a.credential.secret", "is required"),
        (ONE % "credential: {kind: bearer, token: x, secret: x}", "upstreams.a.credential.token", "unknown field"),
        (ONE % "credential: {kind: bearer, secret: 5}", "upstreams.a.credential.secret", "put quotes around it"),
        (ONE % "credential: {kind: bearer, secret: ''}", "upstreams.a.credential.secret", "is empty"),
        (ONE % 'credential: {kind: bearer, secret: "a\\nb"}', "upstreams.a.credential.secret", "control character"),
        (ONE % "credential: {kind: bearer, secret: Bearer x}", "upstreams.a.credential.secret", "Exeat adds the word"),
        (ONE % "credential: {kind: basic, username: 'a:b'}", "upstreams.a.credential.username", "RFC 7617"),
        (ONE % "credential: {kind: basic, username: ''}", "upstreams.a.credential", "neither"),
        (ONE % "credential: {kind: header, name: Host, secret: x}", "upstreams.a.credential.name", "can't hold"),
        (ONE % "tls: {certificate: x}", "upstreams.a.tls", "both 'certificate' and 'key'"),
        (ONE % "tls: {ca: nope.pem}", "upstreams.a.tls.ca", "No such file"),
        (ONE % "via: 1", "upstreams.a.via", "write true or false"),
        ("consumers: {c: {grants: [x]}}", "consumers.c.grants[0]", "no upstream 'x'"),
        ("consumers: {c: {grants: [{}]}}", "consumers.c.grants[0]", "neither an upstream nor a destination"),
        ("consumers: {c: {grants: [{destination: a.com}]}}", "consumers.c.grants[0]", "not among the destinations"),
        ("consumers: {c: {grants: [5]}}", "consumers.c.grants[0]", "must be a mapping"),
        ("consumers: {c: {networks: [10.0.0.1/8]}}", "consumers.c.networks", "write '10.0.0.0/8'"),
        ("consumers: {c: {keys: [{sha256: exeat_x}]}}", "consumers.c.keys[0].sha256", "exeat key create"),
        ("consumers: {c: {keys: [{sha256: 12}]}}", "consumers.c.keys[0].sha256", "quotes"),
        ("cors: {origins: [x]}", "cors.origins", "isn't an origin"),
        ("cors: {}", "cors.origins", "is required"),
        ("network: {nat64: ['2001:db8::/95']}", "network.nat64", "32, 40, 48, 56, 64 or 96"),
    ],
)  # fmt: skip
def test_problem(desk: Desk, text: str, path: str, words: str) -> None:
    """Each rule of the document is named at its path, with what to do."""
    lines = desk.problems(text)
    assert any(line.startswith(f"exeat.yaml:1: {path}: ") and words in line for line in lines), lines


def test_did_you_mean(desk: Desk) -> None:
    """A grant to a misspelt upstream names the one that was meant."""
    text = "upstreams: {github: {url: https://a.com}}\nconsumers: {c: {grants: [gitub]}}\n"
    assert desk.problems(text)[0].endswith("there is no upstream 'gitub'; did you mean 'github'?")


def test_a_digest_belongs_to_one_consumer(desk: Desk) -> None:
    """A key that two consumers share would make its caller uncertain."""
    text = f"consumers:\n  a: {{keys: [{{sha256: {DIGEST}}}]}}\n  b: {{keys: [{{sha256: {DIGEST.upper()}}}]}}\n"
    (line,) = desk.problems(text)
    assert line.startswith("exeat.yaml:3: consumers.b.keys[0].sha256: is also a key of consumer 'a'")


def test_private_literal_that_is_granted(desk: Desk) -> None:
    """An address may be called where its network is granted, loopback too."""
    text = "upstreams: {a: {url: 'http://127.0.0.1:9', plaintext: true, network: {private: [127.0.0.0/8]}}}\n"
    endpoint = desk.load(text).snapshot.upstreams[b"a"].endpoints[0]
    assert endpoint.host == b"127.0.0.1:9"


def test_pools_are_apart(desk: Desk) -> None:
    """Connections are shared only where origin, TLS identity and reach are the same."""
    text = """upstreams:
  a: {url: https://x.com/1}
  b: {url: https://x.com/2}
  c: {url: https://x.com, network: {private: [10.0.0.0/8]}}
  d: {url: https://x.com, network: {mode: report}}
  e: {url: https://x.com, tls: {verify: false}}
  f: {url: https://x.com, tls: {server_name: y.com}}
"""
    pools = [up.endpoints[0].route.pool for up in desk.load(text).snapshot.upstreams.values()]
    assert pools[0] == pools[1]
    assert len(set(pools)) == 5


def test_revision_follows_content(desk: Desk) -> None:
    """The same content is the same revision; a changed secret is another."""
    text = ONE % "credential: {kind: bearer, secret: '${T}'}"
    first = desk.load(text, T="1").snapshot.revision
    assert first == desk.load("# comment\n" + text, T="1").snapshot.revision
    assert first != desk.load(text, T="2").snapshot.revision
    assert len(first) == 12


def test_consumer_without_grants_is_warned_of(desk: Desk) -> None:
    """No grants, no access: allowed, but said."""
    (warning,) = desk.load("consumers: {c: {}}\n").warnings
    assert str(warning).startswith("exeat.yaml:1: consumers.c: has no grants")


def test_everything_by_method(desk: Desk) -> None:
    """A grant for all upstreams can be narrowed, and one for a named upstream stands beside it, in order."""
    text = TWO % ("", "") + "consumers: {c: {grants: [{upstream: a}, {upstream: '*', methods: [GET]}]}}\n"
    grants = desk.load(text).snapshot.consumers["c"].upstreams
    assert [grant.target for grant in grants["a"]] == ["a", "*"]
    assert [grant.methods for grant in grants["b"]] == [frozenset({b"GET"})]
