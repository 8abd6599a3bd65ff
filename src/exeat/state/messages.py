"""Messages between workers and the process of the ledger: a length, and JSON.

Up: a list of questions, and of what an upstream said of its own limits. Down: a list of the answers to the wishes
among them, in their order (null where nothing is known); or, as an object, a recall, how many instances there are, or
what another worker heard from an upstream. Every list of questions is answered, also one
without a wish.
"""

import struct
from collections.abc import Iterable
from typing import Any, Final, final

import orjson

from exeat.state.ledger import Answer, Answers, Charge, Give, Hold, Pause, Question, Recall, Take

_LENGTH: Final = struct.Struct("!I")
_KINDS: Final[dict[str, type[Question | Pause]]] = {
    "take": Take,
    "give": Give,
    "charge": Charge,
    "hold": Hold,
    "pause": Pause,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def render_questions(questions: Iterable[Question | Pause]) -> bytes:
    """A message up."""
    return _framed([(_NAMES[type(question)], *question) for question in questions])


def parse_questions(message: bytes) -> list[Question | Pause]:
    """What a message up asks, and says."""
    return [_KINDS[name](*values) for name, *values in orjson.loads(message)]


def render_answers(answers: Answers) -> bytes:
    """A message down."""
    return _framed([None if answer is None else tuple(answer) for answer in answers])


def render_instances(instances: int) -> bytes:
    """A message down, unasked."""
    return _framed({"instances": instances})


def render_recall(recall: Recall) -> bytes:
    """A message down, unasked."""
    return _framed({"name": recall.name, "kind": recall.kind})


def render_pause(pause: Pause) -> bytes:
    """A message down, unasked."""
    return _framed({"pause": tuple(pause)})


Reply = Answers | Recall | Pause | int


def parse_reply(message: bytes) -> Reply:
    """What a message down says; the holder of a recall is whoever reads it."""
    said = orjson.loads(message)
    if isinstance(said, dict) and "pause" in said:
        return Pause(*said["pause"])
    if isinstance(said, dict) and "instances" in said:
        return int(said["instances"])
    if isinstance(said, dict):
        return Recall(0, said["name"], said["kind"])
    return [None if answer is None else Answer(*answer) for answer in said]


def _framed(value: Any) -> bytes:
    text = orjson.dumps(value)
    return _LENGTH.pack(len(text)) + text


@final
class Frames:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        buffer = self._buffer
        buffer += data
        whole: list[bytes] = []
        begin = 0
        while len(buffer) - begin >= _LENGTH.size:
            start = begin + _LENGTH.size
            end = start + _LENGTH.unpack_from(buffer, begin)[0]
            if len(buffer) < end:
                break
            whole.append(bytes(buffer[start:end]))
            begin = end
        del buffer[:begin]
        return whole
