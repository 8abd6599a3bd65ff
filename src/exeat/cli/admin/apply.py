"""`exeat apply`: the database's objects become what a document says, once a person has seen what that changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any

from exeat.cli.admin.api import Answer, Api, ApiError, Problem, problems_in
from exeat.cli.admin.asking import STDIN, confirm, read_text
from exeat.cli.admin.changes import count_changes, show_changes, show_warnings
from exeat.cli.admin.reach import UsageError, with_api
from exeat.cli.output import FAILED, FINE, WRONG, complain, say, say_json
from exeat.config.problem import Path, Place
from exeat.config.reading import Reading
from exeat.config.reading import read_text as read_document
from exeat.config.settings import read_settings

SERVER_NAME = "the document"  # as problems of the API call the body


@dataclass(frozen=True, slots=True)
class Options:
    """What was written on the command line."""

    is_sure: bool
    is_dry: bool
    prunes: bool
    why: str
    as_json: bool
    is_read: bool = False  # whether standard input is the document


def apply_document(files: Sequence[str | None], options: Options) -> int:
    """Look at what would change, ask, and change it; all of it or nothing. One of `files` is written."""

    def work(api: Api) -> int:
        file = _one_of(files)
        _refuse_own(file)
        name = "standard input" if file == STDIN else file
        text = read_text(file)
        reading = read_document(text, name)
        if reading.problems:
            return complain(reading.problems)
        try:
            return _apply(api, text, replace(options, is_read=file == STDIN))
        except ApiError as error:
            if not error.problems:
                raise
            return _refuse(error.problems, reading, name, as_json=options.as_json)

    return with_api(work)


def _one_of(files: Sequence[str | None]) -> str:
    written = [file for file in files if file is not None]
    if len(written) != 1:
        raise UsageError("apply takes one document: write `exeat apply -f FILE`, or `-f -` for standard input")
    return written[0]


def _refuse_own(file: str) -> None:
    """Say at once why the document of the gateway that runs here can't be in its database as well."""
    settings = read_settings()
    own = settings.document_file()
    if settings.control_url is None and own is not None and file != STDIN and File(file).resolve() == own.resolve():
        raise UsageError(
            f"{file} is this gateway's own document: what it says is in force without being applied, and a name can't"
            " be in the database as well; apply another file, or set EXEAT_CONTROL_URL to another gateway"
        )


def _apply(api: Api, text: str, options: Options) -> int:
    prune = None if options.prunes else "false"
    base = f'"{api.get("/status").body["revision"]}"'
    preview = api.post_text("/apply", text, dry_run="true", prune=prune).body
    problems = problems_in(preview["problems"])
    if problems:
        raise ApiError(422, "invalid", "The document can't be applied", problems=problems)
    if not options.as_json:
        show_warnings(problems_in(preview["warnings"]))
        show_changes(preview["changes"])
    if options.is_dry or not preview["changes"]:
        return _tell(preview, options, None)
    question = f"Make {'this change' if len(preview['changes']) == 1 else 'these changes'}?"
    if not confirm(question, is_sure=options.is_sure, is_read=options.is_read):
        say("Nothing was changed.")
        return FAILED
    return _tell(preview, options, api.post_text("/apply", text, base, prune=prune, why=options.why or None))


def _tell(preview: dict[str, Any], options: Options, done: Answer | None) -> int:
    """Say what was done, or would be."""
    changes = preview["changes"]
    if options.as_json:
        body = preview if done is None else done.body
        say_json({"ok": True, "applied": done is not None, **body})
    elif done is not None:
        say(f"{count_changes(changes)} made: revision {done.body['revision']}.")
    elif changes:
        say(f"{count_changes(changes)} to make; nothing was changed.")
    else:
        say("There is nothing to change.")
    return FINE


def _refuse(problems: Iterable[Problem], reading: Reading, name: str, *, as_json: bool) -> int:
    placed = [_placed(problem, reading, name) for problem in problems]
    if as_json:
        say_json({"ok": False, "applied": False, "problems": [problem._asdict() for problem in placed]})
        return WRONG
    lines = [": ".join(part for part in (one.source, one.path, one.message) if part) for one in placed]
    return complain([*lines, "1 problem" if len(lines) == 1 else f"{len(lines)} problems"])


def _placed(problem: Problem, reading: Reading, name: str) -> Problem:
    """A problem with its line in the file that was sent."""
    if problem.pointer:
        return problem._replace(source=str(_find(reading, problem.pointer)))
    if problem.source.startswith(SERVER_NAME):
        return problem._replace(source=name + problem.source.removeprefix(SERVER_NAME))
    return problem


def _find(reading: Reading, pointer: str) -> Place:
    """The place of a JSON pointer (RFC 6901)."""
    names = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    path: Path = tuple(int(part) if part.isdecimal() else part for part in names)
    return reading.places.find(path)
