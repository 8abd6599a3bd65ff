"""The pages that people read: what this gateway is, and what an error means."""

import re
from html import escape

from exeat.errors import MEANINGS, Code

_STYLE = (
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--shade:#f6f8fa;--link:#0a58b5;"
    "--back:#fff}@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;"
    "--shade:#161b22;--link:#6cb0ff;--back:#0d1117}}"
    "*{box-sizing:border-box}body{font:16px/1.6 system-ui,sans-serif;color:var(--ink);background:var(--back);"
    "max-width:52rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}a{color:var(--link)}h1{font-size:1.75rem;"
    "line-height:1.25;margin:.5rem 0 1rem}h2{font-size:1.1rem;margin:2.25rem 0 .75rem}"
    "code,pre{font:.9em/1.6 ui-monospace,monospace}code{overflow-wrap:anywhere}pre{overflow-x:auto;"
    "padding:.8rem 1rem;background:var(--shade);border:1px solid var(--line);border-radius:6px}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;"
    "padding:.45rem 1.25rem .45rem 0;border-bottom:1px solid var(--line)}th{font-weight:600;font-size:.85rem}"
    "th,.soft{color:var(--soft)}th[scope=row]{width:9rem;font-size:1rem;font-weight:400}"
    "summary{cursor:pointer}"
)
_QUOTED = re.compile(r"(?<!\w)&#x27;(.+?)&#x27;(?!\w)")  # 'quoted', but not the apostrophes of "the upstream's"
_NOWHERE = "http://gateway"  # HTTP/1.0 may come without a Host


def _page(title: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    ).encode()


def error_page(name: str) -> bytes | None:
    """The page about one error code; None if there is no such code."""
    try:
        code = Code(name)
    except ValueError:
        return None
    meaning = MEANINGS[code]
    signs = {"Status": meaning.status, "Exeat-Error": code, "Proxy-Status": f"exeat; error={meaning.proxy_status}"}
    if meaning.retry_after is not None:
        signs["Retry-After"] = meaning.retry_after
    table = "".join(
        f'<tr><th scope="row">{sign}</th><td><code>{value}</code></td></tr>' for sign, value in signs.items()
    )
    return _page(
        f"{code} · Exeat",
        f'<p class="soft"><a href="/-/">Exeat</a> / errors / <code>{code}</code></p><h1>{escape(meaning.title)}</h1>'
        f"<p>{_prose(meaning.explanation)}</p><h2>What to do</h2><p>{_prose(meaning.hint)}</p>"
        f"<h2>How to recognise it</h2><table>{table}</table>"
        "<p>The body of the answer says more in <code>detail</code>. Whoever runs this gateway finds the call in its "
        "log under the answer's <code>Exeat-Request-Id</code>.</p>",
    )


def home_page(gateway: str, consumer: str | None, access: list[dict[str, object]]) -> bytes:
    """The page at `/-/`: what this is, how to call through it, and what the caller's key may call.

    `gateway` is `scheme://host[:port]` as the caller addresses it.
    """
    here = escape(gateway if gateway.partition("://")[2] else _NOWHERE)
    key = _without_key(here) if consumer is None else _with_key(here, consumer, access)
    return _page("Exeat", _ABOUT + key + _how(here) + _ERRORS)


_ABOUT = (
    "<h1>Exeat</h1><p>This is an outbound API gateway. Call an API through it with your Exeat key: the gateway checks"
    " what the key may do and adds the API's own credential.</p>"
)


def _how(here: str) -> str:
    curl = "curl -H 'Exeat-Key: exeat_…'"
    return (
        "<h2>Three ways to call</h2><pre>"
        f"# an API by the name it has here\n{curl} {here}/NAME/path\n\n"
        f"# any allowed URL\n{curl} {here}/https://api.example.com/path\n\n"
        "# a call as JSON, whose answer is JSON too\n"
        f"""{curl} {here}/-/call \\\n  -d '{{"upstream": "NAME", "path": "/path"}}'</pre>"""
    )


def _without_key(here: str) -> str:
    return (
        "<h2>What your key may call</h2><p>Fetched with a key, this page lists it; programs read it as JSON:</p>"
        f"<pre>curl -H 'Exeat-Key: exeat_…' {here}/-/whoami</pre>"
    )


def _with_key(here: str, consumer: str, access: list[dict[str, object]]) -> str:
    title = f"<h2>What <code>{escape(consumer)}</code> may call</h2>"
    if not access:
        return f"{title}<p>Nothing yet: no grants. Ask whoever runs this gateway.</p>"
    rows = "".join(
        f"<tr><td><code>{_address(here, item)}</code></td><td>{_listed(item, 'methods') or 'any'}</td>"
        f"<td>{_paths(item)}</td></tr>"
        for item in access
    )
    return (
        f'{title}<div class="wide"><table><tr><th>address</th><th>methods</th><th>paths</th></tr>{rows}</table></div>'
    )


def _address(here: str, item: dict[str, object]) -> str:
    """Where to call it: below the upstream's path, or by a URL of the destination."""
    path = item.get("path")
    return here + escape(f"/https://{item.get('destination')}/" if path is None else str(path))


def _paths(item: dict[str, object]) -> str:
    denied = _listed(item, "denied_paths")
    report = ' <span class="soft">(others pass, and are recorded)</span>' if item.get("mode") == "report" else ""
    return (_listed(item, "paths") or "any") + (f" except {denied}" if denied else "") + report


def _listed(item: dict[str, object], name: str) -> str:
    value = item.get(name)
    return ", ".join(f"<code>{escape(str(one))}</code>" for one in value) if isinstance(value, list) else ""


def _prose(text: str) -> str:
    return _QUOTED.sub(r"<code>\1</code>", escape(text))


_ERRORS = (
    "<h2>When a call fails</h2><p>An answer with <code>Exeat-Origin: upstream</code> is the API's own. One with "
    "<code>Exeat-Origin: gateway</code> names its reason in <code>Exeat-Error</code>:</p>"
    "<details><summary>All reasons</summary><table>"
    + "".join(
        f'<tr><td>{meaning.status}</td><td><a href="/-/errors/{code}"><code>{code}</code></a></td>'
        f"<td>{escape(meaning.title)}</td></tr>"
        for code, meaning in MEANINGS.items()
    )
    + "</table></details>"
)
