"""Stand-ins for APIs that want their credential in an unusual place: the path, a cookie, the body, a signature."""

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from tests.support.apis.answers import Reply, Request

TELEGRAM_TOKEN = "123456:telegram-example"
FORUM_SESSION = "forum-example"
PUSH_TOKEN = "push-example"
RECORDS_SECRET = "records-example"
SIGNING_SECRET = "signing-example"
EXCHANGE_KEY = "exchange-example"
EXCHANGE_PASSPHRASE = "passphrase-example"
EXCHANGE_SECRET = b64encode(b"an exchange's secret, in base64").decode()
OFF_S = 300


def telegram(request: Request) -> Reply:
    """A bot, whose token stands in the path."""
    if request.path == f"/file/bot{TELEGRAM_TOKEN}/documents/file_1.txt":
        return Reply(200, {"content": "an order"})
    before, _, method = request.path.rpartition("/")
    if before != f"/bot{TELEGRAM_TOKEN}":
        return Reply(404, {"ok": False, "description": "Not Found"})
    if method == "getMe":
        return Reply(200, {"ok": True, "result": {"username": "orders_bot"}})
    if method == "getFile":
        return Reply(200, {"ok": True, "result": {"file_path": "documents/file_1.txt"}})
    return Reply(200, {"ok": True, "result": {"text": json.loads(request.body)["text"]}})


def forum(request: Request) -> Reply:
    """A site without an API, whose visitors have a session."""
    cookies = SimpleCookie(request.fields.get("cookie", ""))
    session = cookies.pop("session", None)
    if session is None or session.value != FORUM_SESSION:
        return Reply(403, {"error": "log in"})
    return Reply(200, {"topics": 3, "other_cookies": list(cookies)})


def push(request: Request) -> Reply:
    """Messages to telephones, whose key stands in the form."""
    form = parse_qs(request.body.decode())
    if form.get("token") != [PUSH_TOKEN]:
        return Reply(400, {"token": "invalid"})
    return Reply(200, {"status": 1, "message": form["message"][0]})


def records(request: Request) -> Reply:
    """An API whose secret stands in the JSON."""
    body = json.loads(request.body or "{}")
    if body.pop("secret", None) != RECORDS_SECRET:
        return Reply(400, {"error_code": "INVALID_API_KEYS"})
    return Reply(200, {"you_sent": body})


def signed(request: Request) -> Reply:
    """A partner that wants method, path and body signed, with the time."""
    timestamp = request.fields.get("x-timestamp", "0")
    text = f"{timestamp}.{request.method}.{request.path}.".encode() + request.body
    expected = "v1=" + hmac.new(SIGNING_SECRET.encode(), text, hashlib.sha256).hexdigest()
    if not _is_now(timestamp) or not hmac.compare_digest(expected, request.fields.get("x-signature", "")):
        return Reply(401, {"error": "the signature is wrong"})
    return Reply(200, {"accepted": json.loads(request.body)})


def hook(request: Request) -> Reply:
    """A receiver of webhooks that are signed as Slack signs its own."""
    timestamp = request.fields.get("x-slack-request-timestamp", "0")
    text = f"v0:{timestamp}:".encode() + request.body
    expected = "v0=" + hmac.new(SIGNING_SECRET.encode(), text, hashlib.sha256).hexdigest()
    if not _is_now(timestamp) or request.fields.get("x-slack-signature") != expected:
        return Reply(401, {"error": "the signature is wrong"})
    return Reply(200, {"received": request.body.decode()})


def exchange(request: Request) -> Reply:
    """A trading place: a key, a passphrase, and a signature in base64."""
    fields = request.fields
    timestamp = fields.get("access-timestamp", "0")
    text = f"{timestamp}{request.method}{request.path}".encode() + request.body
    expected = b64encode(hmac.new(b64decode(EXCHANGE_SECRET), text, hashlib.sha256).digest()).decode()
    shown = fields.get("access-key"), fields.get("access-passphrase"), fields.get("access-sign")
    if not _is_now(timestamp) or shown != (EXCHANGE_KEY, EXCHANGE_PASSPHRASE, expected):
        return Reply(401, {"message": "invalid signature"})
    return Reply(200, [{"currency": "EUR", "balance": "100.00"}])


def _is_now(timestamp: str) -> bool:
    now = time.clock_gettime(time.CLOCK_REALTIME)
    return timestamp.isdigit() and abs(now - int(timestamp)) < OFF_S
