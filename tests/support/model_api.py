"""A small stand-in for a model API, as SDKs know them: chat (whole and streamed), models, embeddings, files."""

import json
import re
from collections.abc import Iterable

from tests.support.origins import Behaviour, Peer, Request

WORDS = ("Let", " it", " go", " out", ".")
MODEL = "stand-in-1"
_PART = re.compile(rb'filename="([^"]*)".*?\r\n\r\n(.*?)\r\n--', re.DOTALL)


def model_api(secret: str) -> Behaviour:
    """The behaviour of the API for callers that show `secret`, and nothing else, as a bearer token."""

    def behave(peer: Peer, request: Request) -> None:
        body = peer.read_body(request)
        if request.values("authorization") != [f"Bearer {secret}"]:
            refuse(peer, "401 Unauthorized", "Incorrect API key provided.", "invalid_api_key")
            return
        path = request.target.partition("?")[0]
        match request.method, path:
            case "POST", "/v1/chat/completions":
                chat(peer, json.loads(body))
            case "POST", "/v1/embeddings":
                vectors = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
                reply(peer, {"object": "list", "model": MODEL, "data": vectors, "usage": usage()})
            case "POST", "/v1/files":
                upload(peer, body)
            case "GET", "/v1/models":
                models = [{"id": MODEL, "object": "model", "created": 1, "owned_by": "tests"}]
                reply(peer, {"object": "list", "data": models})
            case _:
                refuse(peer, "404 Not Found", f"No route for {request.method} {path}.", "not_found")

    return behave


def reply(peer: Peer, value: object, *lines: str, status: str = "200 OK") -> None:
    """Answer with JSON."""
    peer.answer(json.dumps(value).encode(), "Content-Type: application/json", *lines, status=status)


def refuse(peer: Peer, status: str, message: str, code: str) -> None:
    """Answer with an error as these APIs spell it."""
    reply(peer, {"error": {"message": message, "type": "error", "param": None, "code": code}}, status=status)


def chat(peer: Peer, asked: dict[str, object]) -> None:
    """Answer a conversation, at once or in events."""
    if asked["model"] == "too-busy":
        error = {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
        reply(peer, error, "Retry-After: 1", status="429 Too Many Requests")
    elif asked.get("stream"):
        events(peer, (chunk_of(word) for word in WORDS))
    else:
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        made = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": asked["model"]}
        reply(peer, {**made, "choices": [choice], "usage": usage()})


def chunk_of(word: str) -> dict[str, object]:
    """One piece of an answer."""
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    return {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}


def usage() -> dict[str, int]:
    """How much was used."""
    return {"prompt_tokens": 3, "completion_tokens": len(WORDS), "total_tokens": 3 + len(WORDS)}


def events(peer: Peer, chunks: Iterable[dict[str, object]]) -> None:
    """Send an event stream, chunked."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for text in (*(json.dumps(chunk) for chunk in chunks), "[DONE]"):
        event = f"data: {text}\n\n".encode()
        peer.send(b"%x\r\n%b\r\n" % (len(event), event))
    peer.send(b"0\r\n\r\n")


def upload(peer: Peer, body: bytes) -> None:
    """Take a file from a form, and say how many bytes arrived."""
    part = _PART.search(body)
    assert part is not None, body[:500]
    name, content = part.groups()
    made = {"id": "file-1", "object": "file", "created_at": 1, "purpose": "assistants", "status": "processed"}
    reply(peer, {**made, "bytes": len(content), "filename": name.decode()})
