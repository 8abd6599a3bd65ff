"""What a process says about itself: one line per event, JSON or readable, never a secret."""

import contextlib
import sys
import traceback
from datetime import UTC, datetime
from typing import Literal, TextIO

import orjson

Level = Literal["debug", "info", "warning", "error"]
_ORDER: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes events to standard error; `process` names who speaks (supervisor, worker 1)."""

    def __init__(self, process: str, *, level: str = "info", as_json: bool = False, out: TextIO | None = None) -> None:
        self._process = process
        self._threshold = _ORDER.get(level, 20)
        self._as_json = as_json
        self._out = out or sys.stderr

    def debug(self, message: str, **facts: object) -> None:
        """Of interest when looking for a fault."""
        self._say("debug", message, facts)

    def info(self, message: str, **facts: object) -> None:
        """Something ordinary happened."""
        self._say("info", message, facts)

    def warning(self, message: str, **facts: object) -> None:
        """Something needs attention, traffic goes on."""
        self._say("warning", message, facts)

    def error(self, message: str, **facts: object) -> None:
        """Something failed."""
        self._say("error", message, facts)

    def bug(self, error: BaseException, **facts: object) -> None:
        """A fault of Exeat itself: where it happened, but not the values, which could hold secrets."""
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{frame.filename.rpartition('exeat/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        self._say("error", f"bug: {type(error).__name__}", {**facts, "at": places})

    def _say(self, level: Level, message: str, facts: dict[str, object]) -> None:
        if _ORDER[level] < self._threshold:
            return
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if self._as_json:
            members = {"time": time, "level": level, "process": self._process, "message": message, **facts}
            line = orjson.dumps(members, default=str).decode()
        else:
            known = " ".join(f"{name}={value}" for name, value in facts.items())
            text = f"{time[11:23]} {level:<7} {self._process}: {message}{'  ' + known if known else ''}"
            line = "".join(character if character.isprintable() else "?" for character in text)
        with contextlib.suppress(OSError):  # nobody reads any more, or the disk is full: traffic goes on
            self._out.write(line + "\n")
            self._out.flush()
