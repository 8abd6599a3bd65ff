"""The way of every change: others aren't kept waiting while its effect is found out."""

from exeat.admin.services import Checked
from exeat.model.stored import Stored
from exeat.store.configuration.people import add_session, find_session
from tests.admin.service import LOCAL, UPSTREAM, World, calling


def test_records_are_written_while_a_change_is_compiled(world: World) -> None:
    """Whoever else writes into the database doesn't wait for the compiler; the change is kept after it."""
    seen: list[Stored] = []

    def check(stored: Stored) -> Checked:
        add_session(world.engine, sha256=f"{len(seen):064}", administrator="ada", created_at=1, expires_at=2**60)
        seen.append(stored)
        return world.check(stored)

    with calling(world, acting_as=LOCAL, check=check) as api:
        api.fine("PUT", "/upstreams/api", UPSTREAM)
        api.fine("PUT", "/consumers/web", {"grants": ["api"]})
        made = api.fine("POST", "/keys", {"consumer": "web"})
        assert api.get(f"/keys/{made['id']}")["state"] == "active"
        assert api.fine("POST", f"/keys/{made['id']}/revoke")["state"] == "revoked"
        assert [stored.revision for stored in seen] == [1, 2, 3, 4]
        assert find_session(world.engine, f"{3:064}") is not None
        assert [item["number"] for item in api.get("/revisions")["items"]] == [4, 3, 2, 1]
