"""An upstream that says everything back: what it was sent, in every place of an answer but the body.

Bodies are streamed as they are: what an upstream writes into one is the upstream's, and isn't looked at.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, unquote

from tests.support.playbook import Party

# The spellings that Exeat promises to find (docs/concepts/security.md): as it is, percent-encoded, in base64.
SPELLED: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "percent-encoded": lambda text: quote(text, safe="", encoding="latin-1"),
    "in a path": lambda text: quote(text, safe="/", encoding="latin-1"),
    "by a browser": lambda text: quote(text, safe="!'()*", encoding="latin-1"),
    "in lower case": lambda text: "".join(f"%{ord(each):02x}" if not each.isalnum() else each for each in text),
    "whole": lambda text: "".join(f"%{ord(each):02X}" for each in text),
    "twice": lambda text: quote(quote(text, safe="", encoding="latin-1"), safe=""),
    "in a form": lambda text: quote(text, safe=" ", encoding="latin-1").replace(" ", "+"),
    "base64": lambda text: b64encode(text.encode("latin-1")).decode(),
    "base64 after one": lambda text: b64encode(b"{" + text.encode("latin-1") + b"}").decode(),
    "base64 after two": lambda text: b64encode(b'{"' + text.encode("latin-1") + b'"}').decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(text.encode("latin-1")).decode().rstrip("="),
    "base64 in a URL": lambda text: quote(b64encode(text.encode("latin-1")).decode(), safe=""),
}
SEGMENT_LENGTH = 20  # of a path: a shorter one is no secret

# Where an answer can hold a text.
PLACES: dict[str, Callable[[str], str]] = {
    "field": lambda text: f"X-Echo: {text}",
    "quoted": lambda text: f'WWW-Authenticate: Token realm="{text}"',
    "cookie": lambda text: f"Set-Cookie: seen={text}; Path=/",
    "Location": lambda text: f"Location: http://api.test/v1/next?token={text}#{text}",
    "Location elsewhere": lambda text: f"Location: https://else.test/{text}",
    "Content-Location": lambda text: f"Content-Location: /v1/{text}",
    "Link": lambda text: f'Link: <http://api.test/v1/things?page=2&token={text}>; rel="next"; title="{text}"',
}


def words_of(raw: bytes) -> list[str]:
    """Everything in a request that may be secret: in its path and query, and its fields' values, whole and in parts."""
    start, *lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    values = [line.partition(": ")[2] for line in lines]
    path, _, query = start.split(" ")[1].partition("?")
    values += [unquote(segment, encoding="latin-1") for segment in path.split("/") if len(segment) >= SEGMENT_LENGTH]
    values += [unquote(part.partition("=")[2], encoding="latin-1") for part in query.split("&")]
    return [word for word in dict.fromkeys([*values, *(value.partition(" ")[2] for value in values)]) if word]


def answer_everywhere(upstream: Party, words: list[str], spelled: Callable[[str], str]) -> None:
    """Answer with words in every place of an interim and a final answer and its trailers."""
    texts = [spelled(word) for word in words]
    lines = ["Content-Type: text/plain", *(place(text) for text in texts for place in PLACES.values())]
    reason = " ".join(texts)
    upstream.says(f"HTTP/1.1 103 {reason}", *lines)
    upstream.says(
        f"HTTP/1.1 401 {reason}", *lines, "Transfer-Encoding: chunked", body="4\r\ndone\r\n0\r\n" + _section(texts)
    )


def _section(texts: list[str]) -> str:
    return "".join(f"X-Trailer: {text}\r\n" for text in texts) + "\r\n"
