"""The request that is sent: a small SDK call of nine fields, each time the same or each time another."""

from typing import Literal

from peers import Target

# same: the identical bytes each time. varied: the path and x-request-id are never seen twice.
Shape = Literal["varied", "same"]
SHAPES: tuple[Shape, Shape] = ("varied", "same")


def head_around_number(target: Target, key: str) -> tuple[bytes, bytes, bytes]:
    """The head in three pieces; an 8-digit hexadecimal number belongs between each two."""
    before = f"GET {target.prefix}/v1/items/"
    between = (
        "?expand=owner HTTP/1.1\r\n"
        f"Host: {target.authority}\r\n"
        f"Authorization: Bearer {key}\r\n"
        "User-Agent: acme-sdk-python/4.12.0\r\n"
        "Accept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\n"
        "Content-Type: application/json\r\n"
        "X-SDK-Runtime: CPython 3.11.2 linux-x86_64\r\n"
        "X-Request-Id: 2f1c"
    )
    after = "-9d41-4c7e-a5b0-0242ac120002\r\nConnection: keep-alive\r\n\r\n"
    return before.encode(), between.encode(), after.encode()
