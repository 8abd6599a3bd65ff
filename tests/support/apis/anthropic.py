"""A stand-in for Anthropic's API: messages, whole or in events, models that are listed in pages, and errors."""

import json
from collections.abc import Sequence
from itertools import count

from tests.support.apis.answers import Reply, Request

MODELS = ("stand-in-3", "stand-in-2", "stand-in-1")
WORDS = ("Let", " it", " go", " out", ".")
_USAGE = {"input_tokens": 3, "output_tokens": 5}


class Anthropic:
    """One account, whose models always say the same words."""

    def __init__(self, secret: str, models: Sequence[str] = MODELS, words: Sequence[str] = WORDS) -> None:
        self._secret = secret
        self._models = models
        self._words = words
        self._numbers = count(1)

    def __call__(self, request: Request) -> Reply:
        """Answer; without a version, or with another secret, it refuses."""
        number = f"req_{next(self._numbers)}"
        if request.fields.get("x-api-key") != self._secret or "authorization" in request.fields:
            reply = _refusal(401, "authentication_error", "invalid x-api-key")
        elif "anthropic-version" not in request.fields:
            reply = _refusal(400, "invalid_request_error", "anthropic-version: header is required")
        else:
            reply = self._route(request)
        return Reply(reply.status, reply.data, {"request-id": number, **reply.fields}, reply.events)

    def _route(self, request: Request) -> Reply:
        match request.method, request.path:
            case "POST", "/v1/messages":
                return self._message(request)
            case "POST", "/v1/messages/count_tokens":
                return Reply(200, {"input_tokens": 3})
            case "GET", "/v1/models":
                return self._page(request)
            case _:
                return _refusal(404, "not_found_error", "Not found")

    def _message(self, request: Request) -> Reply:
        asked = request.json()
        if asked["model"] not in self._models:
            return _refusal(404, "not_found_error", f"model: {asked['model']}")
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "usage": _USAGE}
        if not asked.get("stream"):
            content = [{"type": "text", "text": "".join(self._words)}]
            return Reply(200, {**message, "content": content, "stop_reason": "end_turn", "stop_sequence": None})
        begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
        steps: list[dict[str, object]] = [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
        ]
        deltas = ({"type": "text_delta", "text": word} for word in self._words)
        steps.extend({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas)
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        steps += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
        return Reply(200, events=tuple(f"event: {step['type']}\ndata: {json.dumps(step)}\n\n" for step in steps))

    def _page(self, request: Request) -> Reply:
        after = request.query.get("after_id")
        names = self._models[self._models.index(after[0]) + 1 :] if after else self._models
        limit = int(request.query.get("limit", ["20"])[0])
        data = [
            {"id": name, "type": "model", "display_name": name, "created_at": "2025-01-01T00:00:00Z"}
            for name in names[:limit]
        ]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return Reply(200, {"data": data, "has_more": len(names) > limit, **ends})


def _refusal(status: int, kind: str, message: str) -> Reply:
    return Reply(status, {"type": "error", "error": {"type": kind, "message": message}})
