"""The model service: the chat interface that OpenAI's SDKs speak, whole or streamed as server-sent events."""

import itertools
import json
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

from exeat.cli.sample.message import Answer, Refusal, Request, answer_json, not_found

MODELS = ("sample-1", "sample-1-mini")
WORD_DELAY_S = 0.03
MOST_TEXT = 400
_numbers = itertools.count(1)


def serve(request: Request) -> Answer:
    """Answer one request below `/v1`."""
    match request.method, request.segments:
        case "GET" | "HEAD", ("v1", "models"):
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "exeat-demo"} for name in MODELS]
            return answer_json({"object": "list", "data": models})
        case "POST", ("v1", "chat", "completions"):
            return _complete(request)
        case _:
            raise not_found()


def _complete(request: Request) -> Answer:
    wanted = request.json()
    model = wanted.get("model")
    if model not in MODELS:
        raise not_found(f"There is no such model; there are {', '.join(MODELS)}.")
    question = _last_question(wanted.get("messages"))
    words = _reply(question)
    frame: dict[str, object] = {
        "id": f"chatcmpl-{next(_numbers)}", "created": int(datetime.now(UTC).timestamp()), "model": model,
    }  # fmt: skip
    asked = len(question.split())
    usage = {"prompt_tokens": asked, "completion_tokens": len(words), "total_tokens": asked + len(words)}
    if wanted.get("stream") is True:
        options = wanted.get("stream_options")
        tells = isinstance(options, dict) and options.get("include_usage") is True
        fields = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"))
        return Answer(200, _stream(frame, words, usage if tells else None), fields)
    message = {"role": "assistant", "content": "".join(words)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return answer_json({**frame, "object": "chat.completion", "choices": [choice], "usage": usage})


def _last_question(messages: object) -> str:
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        content = messages[-1].get("content")
        if isinstance(content, str):
            return content[:MOST_TEXT]
    raise Refusal(400, '\'messages\' ends with {"role": …, "content": text}.')


def _reply(question: str) -> list[str]:
    """A reply in pieces that make the text when joined; the same question gets the same reply."""
    openings = ("Certainly.", "Good question.", "Gladly.")
    opening = openings[zlib.crc32(question.encode()) % len(openings)]
    text = f"{opening} You asked “{question}”, and this sample model answers without a network and without thinking."
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def _stream(frame: dict[str, object], words: list[str], usage: dict[str, int] | None) -> Iterator[bytes]:
    chunk = {**frame, "object": "chat.completion.chunk"}
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in words]
    deltas.append(({}, "stop"))
    for delta, reason in deltas:
        yield _event({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        time.sleep(WORD_DELAY_S)
    if usage is not None:
        yield _event({**chunk, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
