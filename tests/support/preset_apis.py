"""Stand-ins for the APIs of presets: each accepts one secret, in the place where the API itself looks for it."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from exeat.config.presets import Preset, fill, read_preset
from tests.support.certificates import Authority
from tests.support.google_key import google_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.token_server import Ask, TokenServer

RIGHT = MARKERS.make("the secret of a preset's API")
Check = Callable[[Request, bytes], bool]


def header(name: str, before: str = "", secret: str = RIGHT) -> Check:
    """Looks into one field."""
    return lambda request, _: request.values(name) == [before + secret]


def basic(username: str) -> Check:
    """Looks into Authorization for a user name, and the secret as password."""
    coded = base64.b64encode(f"{username}:{RIGHT}".encode()).decode()
    return header("Authorization", "Basic ", coded)


def query(name: str) -> Check:
    """Looks for one parameter of the query."""
    return lambda request, _: dict(parse_qsl(urlsplit(request.target).query)).get(name) == RIGHT


def path(prefix: str) -> Check:
    """Looks at the beginning of the path."""
    return lambda request, _: request.target.startswith(f"{prefix}{quote(RIGHT, safe='')}/")


def both(*checks: Check) -> Check:
    """Looks into several places."""
    return lambda request, body: all(check(request, body) for check in checks)


def aws(service: str) -> Check:
    """Makes the signature once more, by the text of AWS's description of it (Signature Version 4)."""

    def check(request: Request, body: bytes) -> bool:
        scope = r"Credential=(\S+?)/(\d{8})/(\S+)/(\S+)/aws4_request"
        found = re.fullmatch(
            rf"AWS4-HMAC-SHA256 {scope}, *SignedHeaders=(\S+), *Signature=(\S+)",
            "".join(request.values("authorization")),
        )
        if found is None or found.group(1, 3, 4) != ("AKIAIOSFODNN7EXAMPLE", "eu-west-1", service):
            return False
        day, names = found[2], found[5].split(";")
        parts = urlsplit(request.target)
        pairs = sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parse_qsl(parts.query))
        fields = "".join(f"{name}:{','.join(request.values(name))}\n" for name in names)
        digest = hashlib.sha256(body).hexdigest()
        canonical = "\n".join([request.method, parts.path, "&".join(pairs), fields, ";".join(names), digest])
        scope = f"{day}/eu-west-1/{service}/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", request.values("x-amz-date")[0], scope, hashed])
        key = f"AWS4{RIGHT}".encode()
        for part in (day, "eu-west-1", service, "aws4_request", text):
            key = hmac.digest(key, part.encode(), "sha256")
        return found[6] == key.hex()

    return check


BEARER = (
    "airtable asana bitbucket cloudflare cohere deepseek digitalocean github groq hubspot huggingface intercom mistral"
    " notion openai openrouter resend sendgrid sentry slack square stripe vercel"
)
# Where each API looks for its secret.
PLACES: dict[str, Check] = {
    **dict.fromkeys(BEARER.split(), header("Authorization", "Bearer ")),
    "algolia": both(header("X-Algolia-API-Key"), header("X-Algolia-Application-Id", secret="B1G2GM9NG0")),
    "anthropic": header("x-api-key"),
    "aws-bedrock": aws("bedrock"),
    "aws-dynamodb": aws("dynamodb"),
    "aws-s3": aws("s3"),
    "aws-sqs": aws("sqs"),
    "azure-openai": header("api-key"),
    "circleci": header("Circle-Token"),
    "confluence": basic("ops@example.com"),
    "datadog": both(header("DD-API-KEY"), header("DD-APPLICATION-KEY")),
    "discord": header("Authorization", "Bot "),
    "elastic": header("Authorization", "ApiKey "),
    "figma": header("X-Figma-Token"),
    "gemini": header("x-goog-api-key"),
    "gitlab": header("PRIVATE-TOKEN"),
    "jira": basic("ops@example.com"),
    "linear": header("Authorization"),
    "mailchimp": basic("exeat"),
    "mailgun": basic("api"),
    "mapbox": query("access_token"),
    "openweather": query("appid"),
    "pagerduty": header("Authorization", "Token token="),
    "pinecone": header("Api-Key"),
    "plaid": both(header("PLAID-SECRET"), header("PLAID-CLIENT-ID", secret="client-1")),
    "postmark": header("X-Postmark-Server-Token"),
    "shopify": header("X-Shopify-Access-Token"),
    "telegram": path("/bot"),
    "twilio": basic("AC0123456789abcdef0123456789abcdef"),
    "zendesk": basic("ops@example.com/token"),
}
# Whose tokens are fetched, and what is looked at when one is asked for.
CLIENTS: dict[str, Callable[[Ask], bool]] = {
    "dropbox": lambda ask: (
        ask.form["refresh_token"] == RIGHT
        and (ask.client or (ask.form.get("client_id"), ask.form.get("client_secret"))) == ("x1y2z3example", RIGHT)
    ),
    "google": lambda ask: ask.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "microsoft-graph": lambda ask: (
        (ask.form.get("client_id"), ask.form.get("client_secret")) == ("client-1", RIGHT)
        and ask.form["scope"] == "https://graph.microsoft.com/.default"
        and ask.target == "/9188040d-6c67-4c5b-b112-36a304b66dad/oauth2/v2.0/token"
    ),
    "paypal": lambda ask: ask.client == ("client-1", RIGHT),
    "salesforce": lambda ask: (ask.form.get("client_id"), ask.form.get("client_secret")) == ("client-1", RIGHT),
    "zoom": lambda ask: (
        ask.client == ("client-1", RIGHT)
        and (ask.form["grant_type"], ask.form["account_id"]) == ("account_credentials", "Zm9vYmFy")
    ),
}


class Api(NamedTuple):
    """A stand-in for a preset's API, and for what gives its tokens."""

    name: str
    origin: Origin
    tokens: TokenServer
    authority: Authority
    folder: Path

    def entry(self, secret: str = RIGHT) -> dict[str, Any]:
        """The upstream of the preset, but for where it is."""
        preset = read_preset(self.name)
        values = {one: parameter.example for one, parameter in preset.parameters.items()}
        credential: dict[str, Any] = dict.fromkeys(preset.secrets, secret)
        template = preset.credential
        if self.name == "google":
            credential["secret"] = google_key(f"{self.tokens.base}/token")
        elif isinstance(template, dict) and "token_url" in template:
            credential["token_url"] = self.tokens.base + urlsplit(fill(template["token_url"], values)).path
        return {
            "preset": self.name,
            "with": values,
            **self.origin.entry(self.authority.file, urlsplit(fill(preset.url, values)).path),
            "credential": credential,
        }


@contextmanager
def standing(name: str, folder: Path) -> Iterator[Api]:
    """A stand-in, for a block: it answers 401 to what the API wouldn't accept, and 404 to another call."""
    authority = Authority(folder)
    with TokenServer(authority, judge=CLIENTS.get(name)) as tokens:
        check = PLACES.get(name) or (
            lambda request, _: tokens.is_good(request.values("authorization")[0][len("Bearer ") :])
        )

        def behave(peer: Peer, request: Request) -> None:
            body = peer.read_body(request)
            accepts = check(request, body)
            status = "200 OK" if accepts else "401 Unauthorized"
            if not is_the_call(read_preset(name), request, body):
                status = "404 Not Found"
            if name == "slack":
                status = "200 OK"
            peer.answer(json.dumps({"ok": accepts, "echo": request.raw.decode()}).encode(), status=status)

        with Origin(behave, authority.server_context()) as origin:
            yield Api(name, origin, tokens, authority, folder)


def is_the_call(preset: Preset, request: Request, body: bytes) -> bool:
    """Whether a request is the one that the preset describes."""
    wanted = preset.verify
    assert wanted is not None
    values = {one: quote(parameter.example, safe="") for one, parameter in preset.parameters.items()}
    expected, sent = urlsplit(fill(wanted.path, values)), urlsplit(request.target)
    return (
        request.method == wanted.method
        and sent.path.endswith(urlsplit(fill(preset.url, values)).path + expected.path)
        and set(parse_qsl(expected.query)) <= set(parse_qsl(sent.query))
        and all(request.values(name) == [value] for name, value in wanted.headers.items())
        and (json.loads(body) if body else None) == wanted.body
    )
