"""A stand-in for GitHub's REST API: a user, repositories, issues in pages, releases with assets on a host of their own.

Objects name their places by whole URLs, as GitHub's do, and lists have theirs in `Link`.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

from tests.support.apis.answers import Reply, Request

ISSUES = 7


class GitHub:
    """One account, with the repository octo/world: `api` answers for api.github.com, `uploads` for uploads.github.com.

    `uploads_url` is where that is.
    """

    uploads_url = "https://uploads.github.com"

    def __init__(self, secret: str) -> None:
        self._allowed = {f"token {secret}", f"Bearer {secret}"}
        self._numbers = count(ISSUES + 1)
        self._issues = {number: {"number": number, "title": f"Issue {number}"} for number in range(1, ISSUES + 1)}
        self._assets: dict[str, bytes] = {}

    def api(self, request: Request) -> Reply:
        """Answer as api.github.com."""
        return self._answered(request, self._route)

    def uploads(self, request: Request) -> Reply:
        """Answer as uploads.github.com."""
        return self._answered(request, self._upload)

    def _answered(self, request: Request, route: Callable[[Request], Reply]) -> Reply:
        if request.fields.get("authorization") not in self._allowed:
            return Reply(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})
        reply = route(request)
        limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "4102444800"}
        return Reply(reply.status, reply.data, {"X-GitHub-Request-Id": "0000:1", **limits, **reply.fields})

    def _route(self, request: Request) -> Reply:
        repository = f"{request.root}/repos/octo/world"
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["user"]:
                return Reply(200, {"login": "octocat", "id": 1, "url": f"{request.root}/users/octocat"})
            case "GET", ["users", "octocat"]:
                return Reply(200, {"login": "octocat", "id": 1, "name": "Octo Cat"})
            case "GET", ["repos", "octo", "world"]:
                owner = {"login": "octocat", "id": 1, "url": f"{request.root}/users/octocat"}
                names = {"name": "world", "full_name": "octo/world"}
                return Reply(200, {"id": 1, **names, "url": repository, "owner": owner})
            case "GET", ["repos", "octo", "old"]:
                return Reply(301, {"url": repository}, {"Location": repository})
            case method, ["repos", "octo", "world", "issues", *rest]:
                return self._route_issue(method, rest, request)
            case "GET", ["repos", "octo", "world", "releases", "1"]:
                return Reply(200, self._release(request))
            case "GET", ["repos", "octo", "world", "releases", "assets", name] if name in self._assets:
                return Reply(200, self._assets[name], {"Content-Type": "application/octet-stream"})
            case _:
                return Reply(404, {"message": "Not Found"})

    def _route_issue(self, method: str, rest: list[str], request: Request) -> Reply:
        match method, rest:
            case "GET", []:
                return self._page(request)
            case "POST", []:
                number = next(self._numbers)
                self._issues[number] = {"number": number, "title": request.json()["title"]}
                made = self._issue(request, number)
                return Reply(201, made, {"Location": made["url"]})
            case "GET", [number] if int(number) in self._issues:
                return Reply(200, {**self._issue(request, int(number)), "body": f"The text of issue {number}."})
        return Reply(404, {"message": "Not Found"})

    def _issue(self, request: Request, number: int) -> dict[str, Any]:
        """An issue as lists have it: without its text, which is at its `url`."""
        return {**self._issues[number], "url": f"{request.root}/repos/octo/world/issues/{number}", "state": "open"}

    def _page(self, request: Request) -> Reply:
        size = int(request.query.get("per_page", ["30"])[0])
        page = int(request.query.get("page", ["1"])[0])
        last = -(-len(self._issues) // size)
        pages = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
        place = f"{request.root}{request.path}?per_page={size}&page="
        links = [f'<{place}{number}>; rel="{name}"' for name, number in pages.items() if 1 <= number <= last != 1]
        numbers = list(self._issues)[(page - 1) * size : page * size]
        fields = {"Link": ", ".join(links)} if links else {}
        return Reply(200, [self._issue(request, number) for number in numbers], fields)

    def _release(self, request: Request) -> dict[str, Any]:
        place = "/repos/octo/world/releases/1"
        upload_url = f"{self.uploads_url}{place}/assets{{?name,label}}"
        return {"id": 1, "tag_name": "v1", "url": f"{request.root}{place}", "upload_url": upload_url}

    def _upload(self, request: Request) -> Reply:
        match request.method, request.path:
            case "POST", "/repos/octo/world/releases/1/assets":
                name = request.query["name"][0]
                self._assets[name] = request.body
                return Reply(201, {"id": 1, "name": name, "size": len(request.body), "state": "uploaded"})
            case _:
                return Reply(404, {"message": "Not Found"})
