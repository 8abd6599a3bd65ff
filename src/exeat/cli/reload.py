"""`exeat reload`: have the gateway on this machine read its document again, or replace its workers."""

from exeat.cli.output import FAILED, FINE, WRONG, complain, say, say_json
from exeat.cli.steering import NobodyThereError, ask
from exeat.config.problem import ConfigError
from exeat.config.settings import read_settings


def reload(*, workers: bool, as_json: bool) -> int:
    """Ask the gateway that uses the data directory, and wait until it has done it; the exit code."""
    try:
        settings = read_settings()
    except ConfigError as error:
        return complain(error.problems)
    try:
        answer = ask(settings.directory / settings.data_dir, "replace" if workers else "reload")
    except NobodyThereError as error:
        return _report({"fault": str(error)}, "", as_json=as_json)
    if workers:
        return _report(answer, f"{_workers(answer)} replaced", as_json=as_json)
    difference = "in force" if answer.get("is_different") else "nothing is different; in force"
    return _report(answer, f"{difference}: revision {answer.get('revision')}", as_json=as_json)


def _report(answer: dict[str, object], text: str, *, as_json: bool) -> int:
    """Print what the gateway has answered."""
    if as_json:
        say_json(answer)
    if "fault" in answer:
        complain([answer["fault"]] if not as_json else [])
        return FAILED
    problems = answer.get("problems")
    if isinstance(problems, list) and problems:
        complain([*problems, "nothing changed"] if not as_json else [])
        return WRONG
    if not as_json:
        say(text)
    return FINE


def _workers(answer: dict[str, object]) -> str:
    count = answer.get("workers")
    return "1 worker is" if count == 1 else f"{count} workers are"
