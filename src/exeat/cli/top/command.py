"""`exeat top`: looks at the metrics again and again, and shows what has happened in between."""

import ssl
import time
from collections.abc import Callable
from dataclasses import asdict

import httpx
from rich.console import Console
from rich.live import Live

from exeat.cli.admin.remote import UNIX, trust_of
from exeat.cli.output import FAILED, FINE, complain, say_json
from exeat.cli.top.figures import Figures, Reading, compare, read
from exeat.cli.top.screen import draw
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings

LIMIT_S = 10.0
NOTHING_LISTENS = "there is no control listener: EXEAT_CONTROL_LISTEN is off, and EXEAT_CONTROL_URL isn't set"
Look = Callable[[], Reading]


class AwayError(Exception):
    """The metrics can't be read; the sentence says why."""


def top(every_s: float, *, once: bool, as_json: bool) -> int:
    """Show what the gateway does, until Ctrl-C; with `once`, of one interval alone."""
    try:
        settings = read_settings()
        where = place_of(settings)
        with _client(settings, where) as client:
            return _show(lambda: _look(client, where), where, every_s, once=once or as_json, as_json=as_json)
    except ConfigError as error:
        return complain(error.problems)
    except AwayError as error:
        complain([error])
        return FAILED
    except KeyboardInterrupt:
        return FINE


def place_of(settings: Settings) -> str:
    """Where the control listener is: of EXEAT_CONTROL_URL, else of the gateway that runs here by these settings."""
    if settings.control_url is not None:
        return settings.control_url
    listen = settings.control_listen
    if listen is None:
        raise AwayError(NOTHING_LISTENS)
    if listen.path is not None:
        return f"{UNIX}{listen.path}"
    is_secure = settings.tls_certificate is not None or settings.tls == "self-signed"
    host = listen.host or "127.0.0.1"
    bare = f"[{host}]" if ":" in host else host
    return f"{'https' if is_secure else 'http'}://{bare}:{listen.port}"


def _client(settings: Settings, where: str) -> httpx.Client:
    socket = where.removeprefix(UNIX) if where.startswith(UNIX) else None
    verify: ssl.SSLContext = trust_of(settings)
    token = settings.metrics_token
    return httpx.Client(
        base_url="http://localhost" if socket else where,
        headers={} if token is None else {"Authorization": f"Bearer {token.reveal()}"},
        transport=httpx.HTTPTransport(uds=socket) if socket else httpx.HTTPTransport(verify=verify),
        timeout=LIMIT_S,
        trust_env=False,
    )


def _look(client: httpx.Client, where: str) -> Reading:
    try:
        answer = client.get("/metrics", headers={"Accept": "text/plain"})
    except (httpx.HTTPError, OSError) as error:
        raise AwayError(f"{where} can't be reached: {str(error) or type(error).__name__}") from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise AwayError(f"{where} wants the token of EXEAT_METRICS_TOKEN to show its metrics")
    if answer.status_code != httpx.codes.OK:
        raise AwayError(f"{where} answers {answer.status_code} where its metrics should be")
    return read(answer.text, time.monotonic())


def _show(look: Look, where: str, every_s: float, *, once: bool, as_json: bool) -> int:
    before = look()
    if once:
        time.sleep(every_s)
        figures = compare(before, look())
        if as_json:
            say_json(asdict(figures))
        else:
            Console().print(draw(figures, where))
        return FINE
    with Live(draw(Figures(), where), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            now = look()
            live.update(draw(compare(before, now), where), refresh=True)
            before = now
