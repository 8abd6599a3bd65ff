"""A stand-in for OpenAI's API: conversations, whole or in events, vectors, files in pages, and errors."""

import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from tests.support.apis.answers import Reply, Request
from tests.support.apis.forms import parts_of

MODEL = "stand-in-1"
WORDS = ("Let", " it", " go", " out", ".")
_USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


class OpenAi:
    """One account, with one model, which always says the same words."""

    def __init__(self, secret: str, model: str = MODEL, words: Sequence[str] = WORDS) -> None:
        self._secret = secret
        self._model = model
        self._words = words
        self._numbers = count(1)
        self._files: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Reply:
        """Answer."""
        reply = _refusal(401, "Incorrect API key.", "invalid_api_key")
        if request.fields.get("authorization") == f"Bearer {self._secret}":
            reply = self._route(request)
        fields = {"x-request-id": f"req_{next(self._numbers)}", **reply.fields}
        return Reply(reply.status, reply.data, fields, reply.events)

    def _route(self, request: Request) -> Reply:
        routes: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/responses"): self._respond,
            ("POST", "/v1/embeddings"): self._embed,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/files"): self._upload,
            ("GET", "/v1/files"): self._list,
        }
        route = routes.get((request.method, request.path))
        text = f"Invalid URL ({request.method} {request.path})"
        return _refusal(404, text, "unknown_url") if route is None else route(request)

    def _upload(self, request: Request) -> Reply:
        file = parts_of(request)["file"]
        made = {"id": f"file-{next(self._numbers)}", "object": "file", "created_at": 1, "purpose": "assistants"}
        made |= {"status": "processed", "bytes": len(file.content), "filename": file.filename}
        self._files[str(made["id"])] = made
        return Reply(200, made)

    def _list(self, request: Request) -> Reply:
        names = list(self._files)
        after = request.query.get("after")
        names = names[names.index(after[0]) + 1 :] if after else names
        limit = int(request.query.get("limit", ["20"])[0])
        data = [self._files[name] for name in names[:limit]]
        return Reply(200, {"object": "list", "data": data, "has_more": len(names) > limit})

    def _models(self, request: Request) -> Reply:
        del request
        model = {"id": self._model, "object": "model", "created": 1, "owned_by": "tests"}
        return Reply(200, {"object": "list", "data": [model]})

    def _embed(self, request: Request) -> Reply:
        del request
        vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}
        return Reply(200, {"object": "list", "model": self._model, "data": [vector], "usage": _USAGE})

    def _chat(self, request: Request) -> Reply:
        asked = request.json()
        common = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
        if asked["model"] != self._model:
            return _refusal(404, f"The model '{asked['model']}' does not exist", "model_not_found")
        if asked.get("stream"):
            deltas = [{"index": 0, "delta": {"content": word}, "finish_reason": None} for word in self._words]
            chunks = [{**common, "object": "chat.completion.chunk", "choices": [delta]} for delta in deltas]
            return Reply(200, events=(*(_event(chunk) for chunk in chunks), "data: [DONE]\n\n"))
        message = {"role": "assistant", "content": "".join(self._words)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return Reply(200, {**common, "object": "chat.completion", "choices": [choice], "usage": _USAGE})

    def _respond(self, request: Request) -> Reply:
        asked = request.json()
        content = {"type": "output_text", "text": "".join(self._words), "annotations": []}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [content]}
        made = {"id": "resp_1", "object": "response", "created_at": 1, "model": asked["model"], "status": "completed"}
        made |= {"output": [message], "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        if not asked.get("stream"):
            return Reply(200, made)
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
        steps: list[dict[str, object]] = [
            {"type": "response.output_text.delta", "delta": word, "sequence_number": number, **place}
            for number, word in enumerate(self._words)
        ]
        steps.append({"type": "response.completed", "response": made, "sequence_number": len(self._words)})
        return Reply(200, events=tuple(f"event: {step['type']}\n{_event(step)}" for step in steps))


def _refusal(status: int, message: str, code: str) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Reply(status, {"error": error})


def _event(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"
