"""`exeat revision`: what was changed, when and by whom, and the way back."""

from exeat.cli.admin.api import Api, path_of, problems_in
from exeat.cli.admin.asking import confirm
from exeat.cli.admin.changes import count_changes, show_changes, show_warnings
from exeat.cli.admin.reach import with_api
from exeat.cli.admin.table import render_table, render_time
from exeat.cli.output import FAILED, FINE, say, say_json

MOST_NAMED = 3


def list_revisions(limit: int, *, as_json: bool) -> int:
    """Print the last changes, newest first."""

    def work(api: Api) -> int:
        found = api.get("/revisions", limit=str(limit)).body["items"]
        if as_json:
            say_json(found)
            return FINE
        rows = [
            (str(one["number"]), render_time(one["time"]), one["who"], _summary(one["summary"]), one["why"])
            for one in found
        ]
        say(render_table(("REVISION", "TIME", "WHO", "CHANGES", "WHY"), rows))
        return FINE

    return with_api(work)


def show_revision(number: int, *, as_json: bool) -> int:
    """Print one change, whole."""

    def work(api: Api) -> int:
        found = api.get(path_of("revisions", str(number))).body
        if as_json:
            say_json(found)
            return FINE
        why = f": {found['why']}" if found["why"] else ""
        say(f"revision {found['number']}, {render_time(found['time'])}, by {found['who']}{why}")
        show_changes(found["changes"])
        return FINE

    return with_api(work)


def roll_back(number: int, why: str, *, is_sure: bool, is_dry: bool, as_json: bool) -> int:
    """Make the objects what they were after a revision, once a person has seen what that changes."""

    def work(api: Api) -> int:
        path = path_of("revisions", str(number), "rollback")
        preview = api.post(path, dry_run="true").body
        if not as_json:
            show_warnings(problems_in(preview["warnings"]))
            show_changes(preview["changes"])
        if is_dry or not preview["changes"]:
            if as_json:
                say_json(preview)
            else:
                say(f"{count_changes(preview['changes'])} to make; nothing was changed.")
            return FINE
        if not confirm(f"Go back to revision {number}?", is_sure=is_sure):
            say("Nothing was changed.")
            return FAILED
        done = api.post(path, why=why or None).body
        if as_json:
            say_json(done)
        else:
            say(f"{count_changes(done['changes'])} made: revision {done['revision']} is as revision {number} was.")
        return FINE

    return with_api(work)


def _summary(changes: list[str]) -> str:
    more = f" and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
    return ", ".join(changes[:MOST_NAMED]) + more
