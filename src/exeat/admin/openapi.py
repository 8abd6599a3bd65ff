"""The published descriptions of the admin API: `python -m exeat.admin.openapi docs/reference` writes both.

A test holds them equal to what the routes and tables say.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exeat.admin.app import describe_only
from exeat.admin.codes import MEANINGS
from exeat.admin.roles import LEAST, PREFIX

DOCUMENT = "openapi.json"
PAGE = "api.md"
PREFACE = """# Admin API

<!-- Written by python -m exeat.admin.openapi; change the routes in src/exeat/admin instead. -->

The control listener answers below `/api/v1`; [openapi.json](openapi.json) describes every request and answer, and the
listener itself serves it at `/api/v1/openapi.json`.

* **Who asks**: `Authorization: Bearer exeat_admin_…`, or the cookie of a session that `POST /session` begins. A viewer
  reads, an operator changes the configuration, an administrator changes administrators as well.
* **Objects** are written as in the document. Those of a file or the environment are shown with their `source`, and are
  read-only.
* **Versions**: whoever changes or removes what exists sends its `ETag` as `If-Match`; `If-None-Match: *` only makes.
* **Changes** are all or nothing: the whole configuration is compiled before one is kept. `?dry_run=true` tells what
  would change and what is wrong, and changes nothing; `?why=TEXT` is kept with the revision.
* **Secrets** go in and never come out: a literal in an upstream goes into the vault and is shown as `${vault:…}`; a new
  key or token is shown once, by the answer that makes it.
* **Lists** come in pages: `?limit=`, and `next` of one page is `?after=` of the next.
* **Failures** are `application/problem+json` (RFC 9457) with one of the codes below, also in `Exeat-Error`; `invalid`
  has all `problems` at once, each with its JSON pointer into the body.
"""


def render() -> str:
    """docs/reference/openapi.json."""
    return json.dumps(describe_only().openapi(), indent=1, ensure_ascii=False) + "\n"


def render_page() -> str:
    """docs/reference/api.md."""
    sections: dict[str, list[str]] = {}
    for method, path, operation in _operations(describe_only().openapi()):
        least = LEAST[path][method]
        role = "none" if least is None else least.word
        row = f"| `{method} {path}` | {role} | {operation['description'].partition(chr(10))[0]} |\n"
        sections.setdefault(operation["tags"][0], []).append(row)
    tables = "".join(
        f"\n## {tag.capitalize()}\n\n| | least role | |\n|---|---|---|\n{''.join(rows)}"
        for tag, rows in sections.items()
    )
    codes = "".join(
        f"| {meaning.status} | `{code}` | {meaning.title}. {meaning.explanation} *{meaning.hint}* |\n"
        for code, meaning in MEANINGS.items()
    )
    return f"{PREFACE}{tables}\n## Failures\n\n| status | code | |\n|---|---|---|\n{codes}"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path.removeprefix(PREFIX), operation


def main() -> None:
    """Write both to the folder that is named."""
    folder = Path(sys.argv[1])
    (folder / DOCUMENT).write_text(render(), "utf-8")
    (folder / PAGE).write_text(render_page(), "utf-8")


if __name__ == "__main__":
    main()
