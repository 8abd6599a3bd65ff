"""Messages between workers and the process of the ledger: a length, and JSON.

Up: a list of questions, and of what was learnt of upstreams (their limits, endpoints that rest). Down: a list of the
answers to the wishes among them, in their order (null where nothing is known); or an object with one word that nobody
asked for: a recall, a grant, that there is more, how many instances there are, or what another worker learnt of an
upstream. Every list of questions is answered, also one without a wish.
"""

import struct
from collections.abc import Iterable
from typing import Any, Final, final

import orjson

from exeat.state.ledger import (
    Answer,
    Answers,
    Charge,
    Give,
    Grant,
    Hold,
    Learnt,
    More,
    Pause,
    Recall,
    Rest,
    Said,
    Stand,
    Take,
)

_LENGTH: Final = struct.Struct("!I")
_KINDS: Final[dict[str, type[Said | Learnt]]] = {
    "take": Take,
    "stand": Stand,
    "give": Give,
    "charge": Charge,
    "hold": Hold,
    "pause": Pause,
    "rest": Rest,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def render_questions(questions: Iterable[Said | Learnt]) -> bytes:
    """A message up."""
    return _framed([(_NAMES[type(question)], *question) for question in questions])


def parse_questions(message: bytes) -> list[Said | Learnt]:
    """What a message up asks, and says."""
    return [_KINDS[name](*values) for name, *values in orjson.loads(message)]


def render_answers(answers: Answers) -> bytes:
    """A message down."""
    return _framed([None if answer is None else tuple(answer) for answer in answers])


def render_instances(instances: int) -> bytes:
    """A message down, unasked."""
    return _framed({"instances": instances})


def render_word(word: Recall | Grant | More | Learnt) -> bytes:
    """A message down, unasked; who reads a recall is its holder."""
    match word:
        case Recall():
            return _framed({"recall": word[1:]})
        case Grant():
            answer = None if word.answer is None else tuple(word.answer)
            return _framed({"grant": (word.name, word.of_line, word.left, answer)})
        case More():
            return _framed({"more": word.name})
        case Pause():
            return _framed({"pause": tuple(word)})
        case Rest():
            return _framed({"rest": tuple(word)})


Reply = Answers | Recall | Grant | More | Learnt | int


def parse_reply(message: bytes) -> Reply:
    """What a message down says; the holder of a recall is whoever reads it."""
    said = orjson.loads(message)
    if not isinstance(said, dict):
        return [None if answer is None else Answer(*answer) for answer in said]
    ((what, value),) = said.items()
    match what:
        case "grant":
            name, of_line, left, answer = value
            return Grant(name, of_line, left, None if answer is None else Answer(*answer))
        case "recall":
            return Recall(0, *value)
        case "more":
            return More(value)
        case "pause":
            return Pause(*value)
        case "rest":
            return Rest(*value)
        case _:
            return int(value)


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
