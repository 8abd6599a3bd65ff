"""`exeat audit search` and `exeat audit tail`: records, newest first in pages, or as they arrive."""

import sys
import time

from sqlalchemy import Engine

from exeat.cli.audit.database import now, with_trail
from exeat.cli.audit.query import Options, check_cursor, parse_query
from exeat.cli.audit.show import render_record_line
from exeat.cli.output import FINE, say
from exeat.store.follow import end_of, follow
from exeat.store.search import Found, search

FOLLOW_S = 0.25


def search_records(options: Options, *, cursor: str | None, limit: int, as_json: bool) -> int:
    """Print a page of records; where there are more, how to go on is said on standard error."""

    def work(engine: Engine) -> int:
        page = search(engine, parse_query(options, now()), cursor=check_cursor(cursor), limit=limit)
        for found in page.records:
            _print(found, as_json=as_json)
        if page.cursor is not None:
            sys.stderr.write(f"There are more: --cursor {page.cursor}\n")
        return FINE

    return with_trail(work)


def tail_records(options: Options, *, limit: int, follows: bool, as_json: bool) -> int:
    """Print the last records, oldest first, and then those that arrive until interrupted."""

    def work(engine: Engine) -> int:
        query = parse_query(options, now())
        cursor = end_of(engine)
        for found in reversed(search(engine, query, limit=limit).records if limit else ()):
            _print(found, as_json=as_json)
        while follows:
            page = follow(engine, query, cursor)
            cursor = page.cursor or cursor
            for found in page.records:
                _print(found, as_json=as_json)
            if not page.records:
                sys.stdout.flush()
                time.sleep(FOLLOW_S)
        return FINE

    return with_trail(work)


def _print(found: Found, *, as_json: bool) -> None:
    say(found.body.decode() if as_json else render_record_line(found.body))
