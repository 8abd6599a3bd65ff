"""The pages that people read: what this gateway is, and what an error means."""

from html import escape

from exeat.errors import MEANINGS, Code

_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.55 system-ui,sans-serif;max-width:44rem;margin:3rem auto;"
    "padding:0 1rem}h1{font-size:1.5rem}code,pre{font:0.92em ui-monospace,monospace}pre{overflow:auto;padding:.8rem;"
    "border:1px solid #8886;border-radius:6px}table{border-collapse:collapse;width:100%}th,td{text-align:left;"
    "padding:.35rem .6rem .35rem 0;border-bottom:1px solid #8884;vertical-align:top}.muted{opacity:.7}"
)


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
    return _page(
        f"{code} · Exeat",
        f'<p class="muted">Exeat · error</p><h1><code>{code}</code></h1><p><strong>{escape(meaning.title)}.</strong> '
        f"{escape(meaning.explanation)}</p><h2>What to do</h2><p>{escape(meaning.hint)}</p>"
        f'<p class="muted">HTTP status {meaning.status}; Proxy-Status <code>{meaning.proxy_status}</code>. '
        "The answer carries <code>Exeat-Request-Id</code>, under which the gateway logged it.</p>"
        '<p><a href="/-/">About this gateway</a></p>',
    )


def home_page(consumer: str | None, access: list[dict[str, object]]) -> bytes:
    """The page at `/-/`: what this is, how to call through it, and what the caller's key may call."""
    return _page("Exeat", _ABOUT + (_without_key() if consumer is None else _with_key(consumer, access)))


_ABOUT = (
    "<h1>Exeat</h1><p>This is an outbound API gateway. Call an API through it with your Exeat key; the gateway checks"
    " what the key may do and adds the API's own credential.</p><pre>curl -H 'Exeat-Key: exeat_…' "
    "HERE/&lt;upstream&gt;/path\ncurl -H 'Exeat-Key: exeat_…' HERE/https://api.example.com/path</pre>"
)


def _without_key() -> str:
    return (
        "<p>Send your key with the request for this page to see what it may call, or read it as JSON at "
        "<code>/-/whoami</code>.</p>"
    )


def _with_key(consumer: str, access: list[dict[str, object]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(str(item.get('path') or item.get('destination')))}</code></td>"
        f"<td>{escape(', '.join(_texts(item.get('methods'))) or 'any method')}</td>"
        f"<td>{escape(', '.join(_texts(item.get('paths'))) or 'any path')}</td></tr>"
        for item in access
    )
    table = f"<table><tr><th>what</th><th>methods</th><th>paths</th></tr>{rows}</table>"
    return f"<h2>What {escape(consumer)} may call</h2>{table if rows else '<p>Nothing yet: no grants.</p>'}"


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
