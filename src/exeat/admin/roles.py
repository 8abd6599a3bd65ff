"""Which role each route needs at least: one table, and nothing else decides who may do what."""

from enum import IntEnum

PREFIX = "/api/v1"


class Role(IntEnum):
    """What an administrator may do; each role may do what the one before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3

    @property
    def word(self) -> str:
        """As it is written: `viewer`, `operator`, `administrator`."""
        return self.name.lower()


def role_of(word: str) -> Role:
    """The role of a word; ValueError if there is none."""
    for role in Role:
        if role.word == word:
            return role
    raise ValueError(f"'{word}' is no role")


V, O, A = Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR  # noqa: E741 - a column of the table

# None: no log-in is needed. Tokens: everybody has their own, an administrator sees to all.
LEAST: dict[str, dict[str, Role | None]] = {
    "/errors/{code}": {"GET": None},
    "/errors/gateway/{code}": {"GET": None},
    "/openapi.json": {"GET": None},
    "/session": {"GET": V, "POST": None, "DELETE": V},
    "/session/password": {"PUT": V},
    "/status": {"GET": V},
    "/upstreams": {"GET": V},
    "/upstreams/{name}": {"GET": V, "PUT": O, "PATCH": O, "DELETE": O},
    "/upstreams/{name}/test": {"POST": O},
    "/upstreams/{name}/endpoints": {"GET": V},
    "/upstreams/{name}/endpoints/trip": {"POST": O},
    "/upstreams/{name}/endpoints/drain": {"POST": O},
    "/upstreams/{name}/endpoints/reset": {"POST": O},
    "/upstreams/{name}/endpoints/restore": {"POST": O},
    "/consumers": {"GET": V},
    "/consumers/{name}": {"GET": V, "PUT": O, "PATCH": O, "DELETE": O},
    "/destinations": {"GET": V},
    "/destinations/{name}": {"GET": V, "PUT": O, "PATCH": O, "DELETE": O},
    "/sections": {"GET": V},
    "/sections/{name}": {"GET": V, "PUT": O, "PATCH": O, "DELETE": O},
    "/keys": {"GET": V, "POST": O},
    "/keys/{id}": {"GET": V, "PATCH": O},
    "/keys/{id}/rotate": {"POST": O},
    "/keys/{id}/revoke": {"POST": O},
    "/credentials": {"GET": V},
    "/credentials/{name}": {"GET": V, "PUT": O, "DELETE": O},
    "/revisions": {"GET": V},
    "/revisions/{number}": {"GET": V},
    "/revisions/{number}/rollback": {"POST": O},
    "/apply": {"POST": O},
    "/export": {"GET": V},
    "/explain": {"POST": V},
    "/webhooks/{name}/test": {"POST": O},
    "/administrators": {"GET": A, "POST": A},
    "/administrators/{name}": {"GET": A, "PATCH": A, "DELETE": A},
    "/tokens": {"GET": V, "POST": V},
    "/tokens/{id}": {"DELETE": V},
    "/presets": {"GET": V},
    "/presets/{name}": {"GET": V},
    "/settings": {"GET": V},
    "/doctor": {"GET": V},
    "/live": {"GET": V},
    "/limits": {"GET": V},
    "/limits/increase": {"POST": O},
    "/events": {"GET": V},
    "/call": {"POST": O},
    "/records": {"GET": V},
    "/records/{id}": {"GET": V},
    "/records/{id}/proof": {"GET": V},
    "/audit/export": {"GET": V},
    "/audit/verify": {"GET": V, "POST": V},
    "/usage": {"GET": V},
}
