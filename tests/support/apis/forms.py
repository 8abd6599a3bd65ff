"""Forms of several parts, as SDKs upload files (RFC 7578)."""

from email.parser import BytesParser
from typing import NamedTuple

from tests.support.apis.answers import Request


class Part(NamedTuple):
    """What a part holds, and its file's name."""

    content: bytes
    filename: str | None


def parts_of(request: Request) -> dict[str, Part]:
    """The parts of a form by their names; nothing if the body is no such form."""
    kind = request.fields.get("content-type", "")
    form = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    parts = {}
    for part in form.walk() if form.is_multipart() else ():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            name = str(part.get_param("name", header="content-disposition"))
            parts[name] = Part(content, part.get_filename())
    return parts
