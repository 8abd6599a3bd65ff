"""The access line of one exchange, which follows its answer, and what stands in it."""

from collections.abc import Mapping

from tests.support.gateway import Gateway, JsonObject, wait_until


def access_line(gateway: Gateway, identifier: str | None) -> JsonObject:
    """Wait for it, and return it; it is the only one of that exchange."""
    found: list[JsonObject] = []

    def is_there() -> bool:
        found[:] = [line for line in gateway.access_lines() if line["id"] == identifier]
        return bool(found)

    wait_until(is_there, f"an access line of {identifier}")
    assert len(found) == 1
    return found[0]


def attempts_of(line: Mapping[str, object]) -> list[JsonObject]:
    """The tries at endpoints that a line tells of."""
    attempts = line["attempts"]
    assert isinstance(attempts, list)
    return attempts
