"""Credentials that are tokens: what they become, and everything that can be wrong with one."""

import json
from typing import Any

import pytest
import trustme

from exeat.config.compile import Loaded
from exeat.model.credential import Token
from exeat.model.secret import Secret
from exeat.model.token_source import (
    Client,
    ClientCredentials,
    GithubApp,
    GoogleServiceAccount,
    JwtBearer,
    RefreshToken,
    TokenSource,
)
from tests.config.conftest import Desk
from tests.vault.tokens import made

URL = "https://login.example.com/token"
CLIENT = f"token_url: '{URL}', client_id: me, client_secret: s3cret"
PLAIN = f"{{kind: oauth2-client-credentials, {CLIENT}}}"
GOOGLE = {
    "type": "service_account",
    "client_email": "a@b.iam.gserviceaccount.com",
    "private_key": made.private_key(),
    "private_key_id": "key-1",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def document(credential: str, **more: str) -> str:
    """A document of one upstream with this credential."""
    rest = "".join(f", {name}: {value}" for name, value in more.items())
    return f"upstreams: {{a: {{url: 'https://api.example.com', credential: {credential}{rest}}}}}\n"


def load(desk: Desk, credential: str, **more: str) -> Loaded:
    return desk.load(document(credential, **more), KEY=made.private_key(), GOOGLE=json.dumps(GOOGLE))


def source(desk: Desk, credential: str, **more: str) -> TokenSource:
    [found] = load(desk, credential, **more).token_sources
    return found


def token(loaded: Loaded, upstream: bytes = b"a") -> Token:
    found = loaded.snapshot.upstreams[upstream].credential.token
    assert found is not None
    return found


def test_client_credentials(desk: Desk) -> None:
    """Every field has its place in the grant."""
    found = source(
        desk,
        f"{{kind: oauth2-client-credentials, {CLIENT}, auth: body, scope: [a, b], audience: me, resource: 'urn:a',"
        " parameters: {tenant: t, n: 1}, grant_type: password}",
    )
    client = Client("me", "body", Secret("s3cret"))
    parameters = (("tenant", Secret("t")), ("n", Secret("1")))
    assert found.grant == ClientCredentials(client, "password", "a b", "me", ("urn:a",), parameters)
    assert (found.label, found.url) == ("a", URL)


@pytest.mark.parametrize(
    ("fields", "auth"),
    [("client_secret: x", "basic"), ("private_key: '${KEY}'", "private-key-jwt"), ("auth: none", "none")],
)
def test_auth_that_fits(desk: Desk, fields: str, auth: str) -> None:
    """How the client shows itself follows from what it has."""
    found = source(desk, f"{{kind: oauth2-client-credentials, token_url: '{URL}', client_id: me, {fields}}}")
    assert isinstance(found.grant, ClientCredentials)
    assert found.grant.client.auth == auth


def test_refresh_token(desk: Desk) -> None:
    """A public client needs no secret."""
    found = source(desk, f"{{kind: oauth2-refresh-token, token_url: '{URL}', client_id: 7, refresh_token: first}}")
    assert found.grant == RefreshToken(Client("7", "none"), Secret("first"))


def test_jwt_bearer(desk: Desk) -> None:
    """The assertion is made for the endpoint unless another audience is written."""
    found = source(
        desk,
        f"{{kind: jwt-bearer, token_url: '{URL}', issuer: me, subject: you, private_key: '${{KEY}}', key_id: k,"
        " algorithm: PS256, claims: {scope: impersonation}, lifetime: 3m, parameters: {client_id: me}}",
    )
    assert found.grant == JwtBearer(
        issuer="me",
        audience=URL,
        key=made.signing_key("rsa", "PS256", "k"),
        subject="you",
        claims='{"scope": "impersonation"}',
        lifetime_s=180.0,
        parameters=(("client_id", Secret("me")),),
    )


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("", "https://api.github.com/app/installations/77/access_tokens"),
        (
            ", url: 'https://git.example.com/api/v3'",
            "https://git.example.com/api/v3/app/installations/77/access_tokens",
        ),
    ],
)
def test_github_app(desk: Desk, url: str, asked: str) -> None:
    """GitHub's own API gives the token, or that of an Enterprise Server."""
    found = source(
        desk,
        "{kind: github-app, app_id: 12, installation_id: 77, private_key: '${KEY}', repositories: [web],"
        f" permissions: {{issues: write, contents: read}}{url}}}",
    )
    assert found.url == asked
    assert found.grant == GithubApp("12", made.signing_key(), ("web",), (("contents", "read"), ("issues", "write")))


def test_google_service_account(desk: Desk) -> None:
    """Everything but the right itself is in the key's file."""
    found = source(desk, "{kind: google-service-account, key: '${GOOGLE}', scope: [a, b], subject: you}")
    assert found.url == GOOGLE["token_uri"]
    assert found.grant == GoogleServiceAccount(
        GOOGLE["client_email"], made.signing_key(key_id="key-1"), GOOGLE["token_uri"], scope="a b", subject="you"
    )
    elsewhere = source(desk, f"{{kind: google-service-account, key: '${{GOOGLE}}', audience: a, token_url: '{URL}'}}")
    assert isinstance(elsewhere.grant, GoogleServiceAccount)
    assert (elsewhere.url, elsewhere.grant.token_url, elsewhere.grant.audience) == (URL, URL, "a")


def test_place_of_the_token(desk: Desk) -> None:
    """The upstream shows the token in the field that is written; the data plane knows its source by id alone."""
    loaded = load(desk, f"{{kind: oauth2-client-credentials, {CLIENT}, name: X-Token, prefix: ''}}")
    [found] = loaded.token_sources
    assert token(loaded) == Token(found.id, "oauth2-client-credentials", "X-Token", "")
    assert token(load(desk, PLAIN))[2:] == ("Authorization", "Bearer ")


def test_written_twice(desk: Desk) -> None:
    """Two upstreams with the same credential have one source."""
    loaded = desk.load(
        f"upstreams: {{a: {{url: 'https://a.com', credential: {PLAIN}}},"
        f" b: {{url: 'https://b.com', credential: {PLAIN}}}}}\n"
    )
    assert len(loaded.token_sources) == 1
    assert token(loaded).source == token(loaded, b"b").source == loaded.token_sources[0].id


def test_refresh_token_in_two_sources(desk: Desk) -> None:
    """One refresh token in two sources would be replaced under one of them: that is warned of."""
    refreshing = f"{{kind: oauth2-refresh-token, {CLIENT}, refresh_token: first}}"
    loaded = desk.load(
        f"upstreams: {{a: {{url: 'https://a.com', credential: {refreshing}}},"
        f" b: {{url: 'https://b.com', network: {{private: [10.0.0.0/8]}}, credential: {refreshing}}}}}\n"
    )
    [warning] = loaded.warnings
    assert warning.path == "upstreams.b.credential"
    assert "has the refresh token of 'a' with other settings" in warning.message


def test_members_of_a_pool(desk: Desk) -> None:
    """Each member of a pool has its own source, and a fault in one is named in its place."""
    members = f"[{{kind: bearer, secret: x}}, {PLAIN}, {PLAIN.replace('client_id: me', 'client_id: you')}]"
    loaded = load(desk, f"{{pool: {members}}}")
    shown = [member.injection.token for member in loaded.snapshot.upstreams[b"a"].credential.members]
    assert [found and found.source for found in shown] == [None, *(found.id for found in loaded.token_sources)]
    plain = members.replace("https://login", "http://login", 1)
    [line] = desk.problems(document(f"{{pool: {plain}}}"))
    assert "upstreams.a.credential.pool[1].token_url: is plaintext" in line


def test_secret_that_has_disappeared(desk: Desk) -> None:
    """A running gateway without the secret has no source either."""
    text = document(
        f"{{kind: oauth2-client-credentials, token_url: '{URL}', client_id: me, client_secret: '${{GONE}}'}}"
    )
    loaded = desk.reload(text)
    assert loaded.token_sources == ()
    assert loaded.snapshot.upstreams[b"a"].credential.unavailable == "environment variable GONE is not set"


def test_rules_of_the_upstream_hold(desk: Desk) -> None:
    """Private networks and `tls.ca` are the upstream's; its client certificate and the rest are for itself alone."""
    authority = trustme.CA()
    mine = authority.issue_cert("me.example")
    authority.cert_pem.write_to_path(str(desk.folder / "ca.pem"))
    mine.cert_chain_pems[0].write_to_path(str(desk.folder / "me.pem"))
    mine.private_key_pem.write_to_path(str(desk.folder / "me.key"))
    rest = {
        "network": "{private: [10.1.0.0/16]}",
        "tls": "{ca: ca.pem, certificate: me.pem, key: me.key, server_name: other.example}",
    }
    elsewhere = source(desk, PLAIN, **rest)
    assert [str(network) for network in elsewhere.reach.private] == ["10.1.0.0/16"]
    assert elsewhere.tls.ca == (desk.folder / "ca.pem").read_text()
    assert (elsewhere.tls.certificate, elsewhere.tls.key, elsewhere.tls.server_name) == (None, None, None)
    own = source(desk, PLAIN.replace("login.example.com", "api.example.com"), **rest)
    assert own.tls.certificate == (desk.folder / "me.pem").read_text()
    assert own.tls.fingerprint != elsewhere.tls.fingerprint


def test_verification_is_turned_off_for_the_upstream_alone(desk: Desk) -> None:
    """An upstream whose certificate isn't looked at doesn't have its token endpoint unseen too."""
    assert source(desk, PLAIN, tls="{verify: false}").tls.verify


def test_plaintext(desk: Desk) -> None:
    """A token endpoint without TLS needs the same word as an upstream without."""
    plain = PLAIN.replace("https://login", "http://login")
    [line] = desk.problems(document(plain))
    assert (
        "upstreams.a.credential.token_url: is plaintext http://; write https://, or 'plaintext: true' for the" in line
    )
    assert desk.problems(document(plain, plaintext="true")) == []


APP = "{kind: github-app, app_id: 1, installation_id: %s, private_key: '%s'}"


@pytest.mark.parametrize(
    ("credential", "path", "words"),
    [
        (
            PLAIN.replace("login.example.com", "10.0.0.1"),
            "token_url",
            "is a private or reserved address; list it under",
        ),
        (PLAIN.replace("login.example.com", "169.254.169.254"), "token_url", "it can never be called"),
        (PLAIN.replace("login.example.com", "metadata.google.internal"), "token_url", "a cloud metadata service"),
        (PLAIN.replace("https://", "https://me:x@"), "token_url", "holds user information"),
        (PLAIN.replace("/token", "/token#a"), "token_url", "holds a fragment"),
        (PLAIN.replace(URL, "login"), "token_url", "isn't a URL as in https://host"),
        (PLAIN.replace("s3cret", "''"), "client_secret", "is empty"),
        (PLAIN.replace("s3cret", "' x'"), "client_secret", "begins or ends with white space"),
        (PLAIN.replace("s3cret", '"a\\nb"'), "client_secret", "holds a control character"),
        (PLAIN.replace(", client_secret: s3cret", ""), "", "needs a 'client_secret' or a 'private_key'"),
        (PLAIN[:-1] + ", auth: none}", "", "has 'auth: none', which doesn't use the 'client_secret'"),
        (PLAIN[:-1] + ", auth: basics}", "auth", "write one of basic, body, private-key-jwt, none"),
        (PLAIN[:-1] + ", auth: private-key-jwt}", "", "has 'auth: private-key-jwt' and no 'private_key'"),
        (PLAIN[:-1] + ", auth: body, private_key: '${KEY}'}", "", "'auth: body' doesn't use; remove one of them"),
        (PLAIN[:-1] + ", key_id: x}", "", "no 'private_key' that they belong to"),
        (PLAIN[:-1] + ", scope: 'a  b'}", "scope", "must be names with one space between them"),
        (PLAIN[:-1] + ", scope: []}", "scope", "is an empty list"),
        (PLAIN[:-1] + ", parameters: {scope: x}}", "", "has 'scope' among its parameters"),
        (PLAIN[:-1] + ", parameters: {a: [x]}}", "parameters", "has a value that isn't text"),
        (PLAIN[:-1] + ", parameters: x}", "parameters", "must be a mapping of names to text"),
        (PLAIN[:-1] + ", name: Host}", "name", "can't hold a credential"),
        (PLAIN.replace("client_secret", "client_sekret"), "client_sekret", "did you mean 'client_secret'?"),
        ("{kind: oauth2-client-credential}", "", "is of a kind that this version doesn't know"),
        (f"{{kind: jwt-bearer, token_url: '{URL}', issuer: me}}", "private_key", "is required"),
        (
            f"{{kind: jwt-bearer, token_url: '{URL}', issuer: me, private_key: x}}",
            "private_key",
            "no private key in PEM",
        ),
        (
            f"{{kind: jwt-bearer, token_url: '{URL}', issuer: me, private_key: '${{KEY}}', algorithm: ES256}}",
            "",
            "needs ES256, which doesn't go with its private key",
        ),
        (
            f"{{kind: jwt-bearer, token_url: '{URL}', issuer: me, private_key: '${{KEY}}', claims: {{aud: x}}}}",
            "claims",
            "has 'aud'; write 'audience' beside it instead",
        ),
        (
            f"{{kind: jwt-bearer, token_url: '{URL}', issuer: me, private_key: '${{KEY}}', lifetime: 2s}}",
            "lifetime",
            "write a duration from 10s to 24h",
        ),
        ("{kind: github-app, app_id: a/b, installation_id: 1, private_key: '${KEY}'}", "app_id", "isn't an id"),
        ("{kind: github-app, app_id: -1, installation_id: 1, private_key: '${KEY}'}", "app_id", "isn't an id"),
        *(
            (APP % (number, "${KEY}"), "installation_id", "isn't the number of an")
            for number in ("-1", "0", "a", "'..'")
        ),
        *(
            (APP % (1, name), "private_key", "but the name of a file, as it looks; write ${file:PATH}")
            for name in ("/path/s3cret.pem", "./s3cret", "../s3cret.key", "~/s3cret", "s3cret.pem", "s3cret.p8")
        ),
        (
            f"{{kind: oauth2-refresh-token, token_url: '{URL}', client_id: me, refresh_token: \"\\ufeffx\"}}",
            "refresh_token",
            "begins with a byte order mark",
        ),
        (
            "{kind: github-app, app_id: 1, installation_id: 1, private_key: '${KEY}', repositories: [me/web]}",
            "repositories",
            "without their owner",
        ),
        (
            "{kind: github-app, app_id: 1, installation_id: 1, private_key: '${KEY}', permissions: {contents: all}}",
            "permissions",
            "each read, write or admin",
        ),
        ("{kind: google-service-account, key: '${GOOGLE}'}", "", "needs either a 'scope'"),
        ("{kind: google-service-account, key: '${GOOGLE}', scope: a, audience: b}", "", "needs either a 'scope'"),
        ("{kind: google-service-account, key: nonsense, scope: a}", "key", "isn't JSON; give the whole content of the"),
        (
            "{kind: google-service-account, key: /s3cret.json, scope: a}",
            "key",
            "as in ${file:/run/secrets/google.json}",
        ),
        ('{kind: google-service-account, key: \'{"type": "authorized_user"}\', scope: a}', "key", "isn't the key of a"),
        ('{kind: google-service-account, key: \'{"type": "service_account"}\', scope: a}', "key", "no 'client_email'"),
    ],
)
def test_problems(desk: Desk, credential: str, path: str, words: str) -> None:
    """Each fault is named in its place, says what to do, and shows no secret."""
    variables = {"KEY": made.private_key(), "GOOGLE": json.dumps(GOOGLE)}
    lines = desk.problems(document(credential), variables)
    where = f": upstreams.a.credential{'.' if path else ''}{path}: "
    assert [line for line in lines if where in line and words in line], lines
    assert "s3cret" not in "".join(lines)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"private_key": "x"}, "has a 'private_key' that is no private key in PEM form"),
        ({"private_key": made.private_key("rsa1024")}, "has a private key that is an RSA key of 1024 bits"),
        ({"token_uri": "nowhere"}, "has a 'token_uri' that isn't a URL"),
        ({"token_uri": "https://10.0.0.1/token"}, "is a private or reserved address"),
        ({"token_uri": None}, "needs a 'token_url', because the key says none"),
    ],
)
def test_keys_of_google_that_are_wrong(desk: Desk, changed: dict[str, Any], words: str) -> None:
    """A key's file is looked through, and never quoted."""
    text = document("{kind: google-service-account, key: '${GOOGLE}', scope: a}")
    [line] = desk.problems(text, {"GOOGLE": json.dumps(GOOGLE | changed)})
    assert words in line
    assert "BEGIN" not in line.replace("'-----BEGIN … PRIVATE KEY-----'", "")


SECRETS = [
    "{kind: oauth2-client-credentials, token_url: 'https://a.b/t', client_id: me, client_secret: '%s'}",
    "{kind: oauth2-client-credentials, token_url: 'https://a.b/t', client_id: me, auth: none, parameters: {a: '%s'}}",
    "{kind: oauth2-refresh-token, token_url: 'https://a.b/t', client_id: me, refresh_token: '%s'}",
]
MISTAKES = [
    "{kind: jwt-bearer, token_url: 'https://a.b/t', issuer: me, private_key: '%s'}",
    "{kind: jwt-bearer, token_url: 'https://u:%s@a.b/t', issuer: me, private_key: x}",
    "{kind: google-service-account, key: '%s', scope: a}",
    '{kind: google-service-account, key: \'{"private_key": "%s"}\', scope: a}',
    "{kind: google-service-account, key: {private_key: '%s'}, scope: a}",
    "{kind: github-app, app_id: 1, installation_id: 1, private_key: '-----BEGIN RSA PRIVATE KEY-----%s'}",
    "{kind: oauth2-client-credentials, token_url: 'https://a.b/t', client_id: me, client_secret: ['%s']}",
    "{kind: oauth2-client-credentials, token_url: 'https://a.b/t', client_id: me, client_secret: ' %s'}",
    "{kind: oauth2-client-credentials, token_url: 'https://a.b/t', client_id: me, auth: '%s'}",
    "{kind: oauth2-refresh-token, token_url: 'https://a.b/t', client_id: me, refresh_token: {a: '%s'}}",
]
MARKER = "mArKeR7391x"


@pytest.mark.parametrize("credential", SECRETS)
@pytest.mark.parametrize("written", [MARKER, "${TOKEN}"], ids=["literal", "reference"])
def test_secrets_are_not_shown(desk: Desk, credential: str, written: str) -> None:
    """A secret is in the source, and in nothing that is shown of it; a reference is shown as it was written."""
    loaded = desk.load(document(credential % written), TOKEN=MARKER)
    [found] = loaded.token_sources
    assert MARKER not in f"{loaded!r}{found!r}{json.dumps(dict(loaded.document))}"
    assert "(secret)" in str(loaded.document) or "${TOKEN}" in str(loaded.document)


@pytest.mark.parametrize("credential", MISTAKES)
def test_mistakes_are_not_shown(desk: Desk, credential: str) -> None:
    """A secret in a wrong place is shown no more than in its own."""
    lines = desk.problems(document(credential % MARKER))
    assert lines
    assert MARKER not in "".join(lines)


def test_from_the_environment(desk: Desk) -> None:
    """The environment alone can say it, a key in JSON included."""
    loaded = desk.load(
        "{}",
        EXEAT_UPSTREAMS__A__URL="https://api.example.com",
        EXEAT_UPSTREAMS__A__CREDENTIAL__KIND="google-service-account",
        EXEAT_UPSTREAMS__A__CREDENTIAL__KEY=json.dumps(GOOGLE),
        EXEAT_UPSTREAMS__A__CREDENTIAL__SCOPE="a b",
    )
    [found] = loaded.token_sources
    assert isinstance(found.grant, GoogleServiceAccount)
    assert found.grant.scope == "a b"


def test_another_secret_is_another_source(desk: Desk) -> None:
    """A changed secret is noticed: revision and id are others."""
    credential = f"{{kind: oauth2-client-credentials, token_url: '{URL}', client_id: me, client_secret: '${{S}}'}}"
    first, second = (desk.load(document(credential), S=secret) for secret in ("one", "two"))
    assert first.snapshot.revision != second.snapshot.revision
    assert first.token_sources[0].id != second.token_sources[0].id
