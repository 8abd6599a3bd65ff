"""A stand-in for an API without an SDK: pages, uploads, events, redirects; its key in any of three places."""

import hashlib

from tests.support.apis.answers import Reply, Request

THINGS = tuple(f"thing {number}" for number in range(1, 6))
EVENTS = tuple(f"id: {number}\ndata: tick {number}\n\n" for number in range(1, 4))


class Shop:
    """One shop: its key is a bearer token, stands in `X-Api-Key`, or is the parameter `key`.

    `elsewhere_url` is another host, which it sends people to.
    """

    elsewhere_url = "https://elsewhere.example"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, request: Request) -> Reply:
        """Answer to whoever shows the key in exactly one of its places."""
        fields = request.fields
        shown = [fields.get("authorization"), fields.get("x-api-key"), *request.query.get("key", [])]
        if [value for value in shown if value] not in ([f"Bearer {self._secret}"], [self._secret]):
            return Reply(401, {"error": "no key"})
        match request.method, request.path:
            case "GET", "/things":
                return _page(request)
            case "POST", "/things":
                return Reply(201, request.json(), {"Location": f"{request.root}/things/6"})
            case "PUT", "/files/all.bin":
                return Reply(200, {"sha256": hashlib.sha256(request.body).hexdigest(), "size": len(request.body)})
            case "GET", "/events":
                return Reply(200, events=EVENTS)
            case "GET", "/old":
                return Reply(302, {}, {"Location": f"{request.root}/things?page=5"})
            case "GET", "/away":
                return Reply(302, {}, {"Location": f"{self.elsewhere_url}/"})
            case _:
                return Reply(404, {"error": "nothing there"})


def _page(request: Request) -> Reply:
    page = int(request.query.get("page", ["1"])[0])
    following = f'<{request.root}/things?page={page + 1}>; rel="next"'
    return Reply(200, [THINGS[page - 1]], {"Link": following} if page < len(THINGS) else {})
