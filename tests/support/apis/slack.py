"""A stand-in for Slack's Web API: messages, channels in pages, and files whose contents have a host of their own."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from tests.support.apis.answers import Reply, Request

CHANNELS = ("general", "random", "builds", "support", "sales")


class Slack:
    """One workspace: `api` answers for slack.com, `files` for files.slack.com; `files_url` is where that is."""

    files_url = "https://files.slack.com"

    def __init__(self, token: str) -> None:
        self._token = token
        self._numbers = count(1)
        self._files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}

    def api(self, request: Request) -> Reply:
        """Answer as slack.com: 200 with `ok`, whatever is wrong."""
        if request.fields.get("authorization") != f"Bearer {self._token}":
            return Reply(200, {"ok": False, "error": "invalid_auth"})
        routes: dict[str, Callable[[Request, dict[str, Any]], dict[str, Any]]] = {
            "/api/auth.test": _who,
            "/api/chat.postMessage": self._post,
            "/api/conversations.list": _list,
            "/api/files.getUploadURLExternal": self._prepare,
            "/api/files.completeUploadExternal": self._complete,
        }
        route = routes.get(request.path)
        if route is None:
            return Reply(200, {"ok": False, "error": "unknown_method"})
        return Reply(200, route(request, _members(request)))

    def files(self, request: Request) -> Reply:
        """Answer as files.slack.com: the URL alone says that a file may come, as it does at Slack."""
        number = request.path.removeprefix("/upload/v1/")
        if request.method != "POST" or number not in self._files:
            return Reply(404, b"", {"Content-Type": "text/plain"})
        self.contents[number] = request.body
        return Reply(200, b"OK - %d" % len(request.body), {"Content-Type": "text/plain"})

    def _post(self, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        del request
        if asked.get("channel") not in {f"#{name}" for name in CHANNELS}:
            return {"ok": False, "error": "channel_not_found"}
        stamp = f"1700000000.{next(self._numbers):06}"
        return {"ok": True, "channel": "C1", "ts": stamp, "message": {"text": asked["text"], "ts": stamp}}

    def _prepare(self, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        del request
        number = f"F{next(self._numbers)}"
        self._files[number] = {"id": number, "name": asked["filename"], "length": int(asked["length"])}
        return {"ok": True, "upload_url": f"{self.files_url}/upload/v1/{number}", "file_id": number}

    def _complete(self, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        del request
        files = asked["files"] if isinstance(asked["files"], list) else json.loads(asked["files"])
        for file in files:
            if len(self.contents.get(file["id"], b"")) != self._files[file["id"]]["length"]:
                return {"ok": False, "error": "file_not_found"}
        return {"ok": True, "files": [{"id": file["id"], "title": file.get("title")} for file in files]}


def _members(request: Request) -> dict[str, Any]:
    """What is asked for: JSON, a form, or a query."""
    if request.fields.get("content-type", "").startswith("application/json"):
        members = request.json()
        assert isinstance(members, dict)
        return members
    form = parse_qs(request.body.decode())
    return {name: values[-1] for name, values in {**request.query, **form}.items()}


def _who(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    del request, asked
    return {"ok": True, "url": "https://example.slack.com/", "team": "Example", "user": "exeat", "bot_id": "B1"}


def _list(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    del request
    begin, size = int(asked.get("cursor") or 0), int(asked.get("limit", 100))
    end = begin + size
    channels = [{"id": f"C{number}", "name": name} for number, name in enumerate(CHANNELS)][begin:end]
    return {
        "ok": True,
        "channels": channels,
        "response_metadata": {"next_cursor": str(end) if end < len(CHANNELS) else ""},
    }
