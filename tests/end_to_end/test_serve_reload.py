"""What changes while a gateway runs: it reaches every worker, or changes nothing."""

import http.client
import json
import signal
from collections import Counter

from tests.support.gateway import Gateway, JsonObject, make_key, wait_until

WORKERS = 3
KEY = make_key()


def document(*upstreams: str) -> dict[str, object]:
    return {
        "upstreams": {name: {"url": f"https://{name}.example"} for name in upstreams},
        "consumers": {"web": {"keys": [{"sha256": KEY.sha256}], "grants": list(upstreams)}},
    }


def upstreams_seen(gateway: Gateway, calls: int = 60) -> Counter[tuple[str, ...]]:
    """What the workers say that the key may call, over so many connections that every worker has its share."""
    seen: Counter[tuple[str, ...]] = Counter()
    for _ in range(calls):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        connection.request("GET", "/-/whoami", headers={"Exeat-Key": KEY.key})
        response = connection.getresponse()
        access = json.loads(response.read())["access"] if response.status == 200 else []
        connection.close()
        seen[tuple(entry["upstream"] for entry in access)] += 1
    return seen


def problems(gateway: Gateway) -> list[str]:
    return [str(event["problem"]) for event in gateway.events("problem in the document")]


def last(gateway: Gateway, message: str) -> JsonObject:
    return gateway.events(message)[-1]


def test_sighup_reaches_every_worker() -> None:
    """After SIGHUP all workers serve by the new document."""
    with Gateway(document("one"), workers=WORKERS) as gateway:
        assert set(upstreams_seen(gateway)) == {("one",)}
        gateway.reload(document("one", "two"))
        assert set(upstreams_seen(gateway)) == {("one", "two")}
        assert last(gateway, "reloaded")["changes"] == "upstreams +two; consumers ~web"
        assert last(gateway, "in force")["workers"] == WORKERS


def test_a_changed_file_is_noticed() -> None:
    """Nobody has to say that the document has changed."""
    with Gateway(document("one"), workers=WORKERS) as gateway:
        gateway.reload(document("two"), send_signal=False)
        assert set(upstreams_seen(gateway)) == {("two",)}
        assert last(gateway, "reloaded")["changes"] == "upstreams +two -one; consumers ~web"


def test_a_changed_dotenv_is_noticed() -> None:
    """What `.env` says of the document counts, and counts at once."""
    with Gateway(document("one")) as gateway:
        with gateway.expect("in force"):
            (gateway.folder / ".env").write_text("EXEAT_UPSTREAMS__TWO__URL=https://two.example\n")
        assert last(gateway, "reloaded")["changes"] == "upstreams +two"


def test_a_bad_change_changes_nothing() -> None:
    """A document that is wrong in any part is refused as a whole, every problem logged, and the old one serves on."""
    with Gateway(document("one"), workers=WORKERS) as gateway:
        with gateway.expect("reload refused; nothing changed"):
            gateway.write({**document("one", "two"), "destinations": ["*"], "typo": 1})
            gateway.signal(signal.SIGHUP)
        assert set(upstreams_seen(gateway)) == {("one",)}
        assert len(problems(gateway)) == 2
        assert all(problem.startswith("exeat.yaml:1: ") for problem in problems(gateway))
        gateway.reload(document("two"))
        assert set(upstreams_seen(gateway)) == {("two",)}


def test_a_rotated_secret_is_noticed_and_never_said() -> None:
    """Another content of a secret's file is another revision; neither content is in any log."""
    entry = {"url": "https://one.example", "credential": {"kind": "bearer", "secret": "${file:token}"}}
    with Gateway("upstreams: {}") as gateway:
        token = gateway.folder / "token"
        token.write_text("marker-of-the-first-secret\n")
        gateway.reload({"upstreams": {"one": entry}})
        first = last(gateway, "in force")["revision"]
        with gateway.expect("in force"):
            token.write_text("marker-of-the-second-secret\n")
        assert last(gateway, "in force")["revision"] != first
        assert last(gateway, "reloaded")["changes"] == "upstreams ~one"
        with gateway.expect("in force"):
            token.unlink()
        assert "credential-unavailable" in str(last(gateway, "in the document")["warning"])
        assert "marker" not in gateway.stderr() + gateway.stdout()


def test_nothing_different_is_said() -> None:
    """SIGHUP without a change says so, and doesn't disturb the workers."""
    with Gateway(document("one")) as gateway:
        with gateway.expect("reloaded; nothing is different"):
            gateway.signal(signal.SIGHUP)
        assert gateway.events("in force") == []


def test_a_restarted_worker_serves_by_the_newest_document() -> None:
    """A successor begins with what is in force, not with what the gateway began with."""
    with Gateway(document("one"), workers=1) as gateway:
        gateway.reload(document("two"))
        pid = gateway.worker_pids()[0]
        with gateway.expect("worker is ready"):
            gateway.kill_worker(pid)
        wait_until(lambda: pid not in gateway.worker_pids(), "another worker")
        assert set(upstreams_seen(gateway, 5)) == {("two",)}
