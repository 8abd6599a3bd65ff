"""What an upstream says of credentials that callers bring themselves, in all workers of a gateway."""

from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller

PAUSE_S = 600


def test_a_pause_is_that_of_one_callers_credential() -> None:
    """Every worker keeps back the calls of the one that it was said of, and nobody else's."""
    keys = {"c": make_key(), "d": make_key()}

    def answer(peer: Peer, request: Request) -> None:
        if request.target == "/busy":
            fields = ("X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {PAUSE_S}")
            peer.answer(b"no", *fields, status="403 Forbidden")
        else:
            peer.answer(b"fine")

    with Origin(answer) as origin:
        document = {
            "upstreams": {"own": origin.entry(credential="caller", retries=0)},
            "consumers": {name: {"keys": [{"sha256": key.sha256}], "grants": ["own"]} for name, key in keys.items()},
        }
        with Gateway(document, workers=2) as gateway:

            def call(whose: str, token: str, target: str = "/own/x") -> tuple[int, str | None]:
                """One call on a connection of its own: its status, and Exeat's code if it is of Exeat."""
                with RawCaller(gateway.port) as caller:
                    fields = (f"Exeat-Key: {keys[whose].key}", f"Authorization: Bearer {token}")
                    answer = caller.call("GET", target, *fields)
                    return answer.status, answer.field("Exeat-Error")

            assert call("c", "one", "/own/busy") == (403, None)
            cooling = (429, "upstream-cooling-down")
            wait_until(lambda: {call("c", "one") for _ in range(12)} == {cooling}, "both workers know")
            for whose, token in (("c", "two"), ("d", "one"), ("d", "two")):
                assert {call(whose, token) for _ in range(12)} == {(200, None)}
            assert {call("c", "one") for _ in range(4)} == {cooling}
