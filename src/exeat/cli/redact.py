"""The head of a request as it may be shown: every secret in it replaced."""

from collections.abc import Iterator
from dataclasses import replace

from exeat.model.credential import Injection
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature, HmacSignature

MASK = "(redacted)"
MADE = "(made for each call)"
OF_AWS = frozenset({b"x-amz-date", b"x-amz-content-sha256", b"x-amz-security-token"})  # written anew for each call
SCHEMES = frozenset({"aws4-hmac-sha256", "basic", "bearer", "token"})
# Fields that carry secrets of the caller.
SECRET_FIELDS = frozenset({b"authorization", b"cookie", b"x-api-key"})


def redact_injection(injection: Injection) -> Injection:
    """The same credential with its secret masked: it is found, bound and put in place as the real one."""
    shown = "" if injection.lines is None else injection.lines.reveal()
    lines = _redact_lines(shown) + "".join(f"{line}\r\n" for line in _made_for_each_call(injection))
    pairs = tuple((name, Secret(_redact_pair(pair))) for name, pair in injection.pairs)
    cookies = tuple(Secret(_redact_pair(cookie)) for cookie in injection.cookies)
    segment = injection.segment
    if segment is not None and segment.octets:
        segment = Secret(injection.before.decode() + MASK)
    return replace(
        injection,
        lines=Secret(lines) if lines else None,
        slots=injection.slots | (OF_AWS if isinstance(injection.signing, AwsSignature) else frozenset()),
        pairs=pairs,
        cookies=cookies,
        segment=segment,
        needles=(),
    )


def _made_for_each_call(injection: Injection) -> Iterator[str]:
    """The fields that a credential gets only when it is shown."""
    if injection.token is not None:
        yield f"{injection.token.name}: {injection.token.prefix}{MASK}"
    match injection.signing:
        case HmacSignature(fields=fields):
            yield from (f"{name}: {MASK}" for name, _ in fields)
        case AwsSignature():
            yield f"X-Amz-Date: {MADE}"
            yield f"X-Amz-Content-Sha256: {MADE}"
            if injection.signing.session_token is not None:
                yield f"X-Amz-Security-Token: {MASK}"
            yield f"Authorization: AWS4-HMAC-SHA256 {MASK}"
        case None:
            pass


def _redact_lines(lines: str) -> str:
    return "".join(f"{_redact_line(line)}\r\n" for line in lines.split("\r\n") if line)


def _redact_pair(pair: Secret) -> str:
    name, has_value, _ = pair.reveal().partition("=")
    return f"{name}={MASK}" if has_value else name


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
    keeps = name.lower() == "authorization" and space and scheme.lower() in SCHEMES
    return f"{name}: {scheme} {MASK}" if keeps else f"{name}: {MASK}"
