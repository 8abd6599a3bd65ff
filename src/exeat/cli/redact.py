"""The head of a request as it may be shown: every secret in it replaced."""

from dataclasses import replace

from exeat.model.credential import Injection
from exeat.model.secret import Secret

MASK = "(redacted)"
# Fields that carry secrets of the caller.
SECRET_FIELDS = frozenset({b"authorization", b"cookie", b"x-api-key"})


def redact_injection(injection: Injection) -> Injection:
    """The same credential with its secret masked: it is found, bound and put in place as the real one."""
    line = injection.line and Secret(_redact_line(injection.line.reveal().rstrip("\r\n")) + "\r\n")
    pair = injection.pair and Secret(f"{injection.pair.reveal().partition('=')[0]}={MASK}")
    return replace(injection, line=line, pair=pair, needles=())


def redact_head(head: bytes) -> list[str]:
    """The lines of a head; values of fields that carry secrets of the caller are masked."""
    first, *lines = head.rstrip(b"\r\n").decode("latin-1").split("\r\n")
    return [first, *map(_redact_if_secret, lines)]


def _redact_if_secret(line: str) -> str:
    name = line.partition(":")[0].lower().encode("latin-1")
    return _redact_line(line) if name in SECRET_FIELDS else line


def _redact_line(line: str) -> str:
    """`Authorization: Bearer (redacted)`: of the value, only a scheme that is one of the well-known stays."""
    name, _, value = line.partition(": ")
    scheme, space, _ = value.partition(" ")
    keeps = name.lower() == "authorization" and space and scheme.lower() in {"bearer", "basic", "token"}
    return f"{name}: {scheme} {MASK}" if keeps else f"{name}: {MASK}"
