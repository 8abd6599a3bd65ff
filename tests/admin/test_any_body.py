"""Whatever is sent to whichever route, it is answered as the OpenAPI document says, and never with a fault."""

from pathlib import Path
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from exeat.admin.roles import LEAST
from tests.admin.service import LOCAL, World, calling

ROUTES = sorted((method, path) for path, methods in LEAST.items() for method in methods)
MEMBERS = [
    "url", "credential", "kind", "secret", "host", "private", "grants", "keys", "networks", "consumer", "label",
    "expires_at", "expires_in", "grace", "value", "name", "role", "password", "token", "disabled", "administrator",
    "upstreams", "consumers", "destinations", "domains", "cors", "current", "new",
]  # fmt: skip
ODD = ["https://a.example.com", "bearer", "${vault:x}", "a${X}", "*", "web", "90d", "viewer", "*.a.org", "\0", "a" * 99]
TEXTS = st.text(max_size=12) | st.sampled_from(ODD)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(["dry_run", "why", "limit", "after", "since", "until", "where", "by", "step", "status", "text"]),
    TEXTS | st.sampled_from(["1", "true", "2h", "consumer=web", "consumer", "auto", "5xx"]),
    max_size=2,
)


Request = tuple[tuple[str, str], str, object, dict[str, str], bool]
REQUESTS = st.lists(st.tuples(st.sampled_from(ROUTES), TEXTS, VALUES, PARAMETERS, st.booleans()), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS)
def test_any_body(either_engine: Engine, tmp_path: Path, requests: list[Request]) -> None:
    """No name, parameter or body leads to a fault of Exeat, or to an answer that isn't described."""
    world = World(tmp_path, either_engine)
    with calling(world, acting_as=LOCAL) as api:
        for (method, route), name, body, parameters, is_based in requests:
            path = route
            for part in ("{name}", "{id}", "{code}", "{number}"):
                path = path.replace(part, quote(name, safe="") or "x")
            headers = {"If-Match": "*"} if is_based else {}
            response = api.ask(method, path, body if method != "GET" else None, params=parameters, headers=headers)
            assert response.status_code < 500, response.text
    assert world.reported == []
