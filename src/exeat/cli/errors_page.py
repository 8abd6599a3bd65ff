"""The reference page of errors, written from their one table.

`python -m exeat.cli.errors_page DIRECTORY` writes it; a test compares.
"""

import sys
from pathlib import Path

from exeat.errors import MEANINGS

PAGE = "errors.md"
PREFACE = """# Errors

<!-- Written by python -m exeat.cli.errors_page; change the table in src/exeat/errors/meanings.py instead. -->

Every failure that Exeat itself answers is `application/problem+json` (RFC 9457) with one of these codes. The code is
also in `Exeat-Error`, in the access line, and in the address of the page that the gateway serves about it,
`/-/errors/<code>`; `Proxy-Status` carries the word of RFC 9209. An upstream's own error passes through untouched, with
`Exeat-Origin: upstream`.

| status | code | Proxy-Status | |
|---|---|---|---|
"""


def render_errors() -> str:
    """docs/reference/errors.md."""
    rows = "".join(
        f"| {meaning.status} | [`{code}`](#{code}) | `{meaning.proxy_status}` | {meaning.title} |\n"
        for code, meaning in MEANINGS.items()
    )
    sections = "".join(
        f"\n## {code}\n\n{meaning.status}. {meaning.explanation}\n\nWhat to do: {meaning.hint}\n"
        for code, meaning in MEANINGS.items()
    )
    return PREFACE + rows + sections


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_errors(), "utf-8")
