"""A worker refuses what would be too much for it, before it falls over: exchanges under way, memory, open files."""

from contextlib import ExitStack
from pathlib import Path

from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.held_upstream import BODY, held_upstream
from tests.support.raw_caller import Answer, RawCaller

FILES = 160
SWOLLEN = "worker takes more memory than it may with nothing to do; it is replaced"


def refused(answer: Answer) -> bool:
    """Whether a call was refused as too much, with a time to come again."""
    return (answer.status, answer.field("exeat-error"), answer.field("retry-after")) == (503, "overloaded", "1")


def test_too_many_under_way() -> None:
    """Beyond EXEAT_MAX_IN_FLIGHT a call is refused; Exeat's own paths aren't, nor is the next call after one."""
    key = make_key()
    with held_upstream() as upstream:
        document = {
            "upstreams": {"held": upstream.entry},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["held"]}},
        }
        with (
            Gateway(document, {"EXEAT_MAX_IN_FLIGHT": "1"}) as gateway,
            RawCaller(gateway.port) as first,
            RawCaller(gateway.port) as second,
        ):
            first.request("GET", "/held/", f"Exeat-Key: {key.key}")
            assert upstream.arrived.wait(10)
            for _ in range(3):
                assert refused(second.call("POST", "/held/", f"Exeat-Key: {key.key}", body=b"not read"))
            assert second.call("GET", "/-/ready").status == 200
            upstream.release.set()
            assert first.read().body == BODY
            assert second.call("GET", "/held/", f"Exeat-Key: {key.key}").body == BODY
            outcomes = sorted(str(line["outcome"]) for line in gateway.access_lines(5))
            assert outcomes == ["completed", "completed", "refused", "refused", "refused"]


def test_too_little_memory() -> None:
    """Above EXEAT_MAX_MEMORY calls are refused, and a worker that stays there with nothing to do is replaced, once."""
    many = {"destinations": [f"host-{number}.example" for number in range(20_000)]}
    with Gateway(many, {"EXEAT_MAX_MEMORY": "32MiB"}) as gateway:
        with RawCaller(gateway.port) as caller:
            wait_until(lambda: refused(caller.call("GET", "/-/ready")), "it is noticed")
            assert refused(caller.call("GET", "/api/"))
            assert caller.call("GET", "/-/live").status == 200
        wait_until(lambda: bool(gateway.events("worker is replaced")), "it is replaced")
        (said,) = gateway.events(SWOLLEN)
        assert (said["worker"], said["limit_bytes"]) == (1, 32 * 1024 * 1024)
        assert len(gateway.events("takes more memory than EXEAT_MAX_MEMORY")) >= 1


def test_too_many_files(tmp_path: Path) -> None:
    """Where few files may be open, callers beyond that are told so while there are files left for Exeat itself."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({FILES},) * 2)\n"
    )
    env = {"EXEAT_MAX_CONNECTIONS": "1000", "PYTHONPATH": str(tmp_path)}
    with Gateway({"upstreams": {}}, env) as gateway, ExitStack() as held:
        (worker,) = gateway.worker_pids()
        answers = []
        for _ in range(FILES):
            caller = held.enter_context(RawCaller(gateway.port))
            caller.request("GET", "/-/live")  # so that it isn't idle, and makes room for nobody
            answers.append(caller.read())
        assert [answer.status for answer in answers[:50]] == [200] * 50
        assert refused(answers[-1])
        assert len(list(Path(f"/proc/{worker}/fd").iterdir())) < FILES
        held.close()
        wait_until(lambda: is_served(gateway.port), "there is room again")


def is_served(port: int) -> bool:
    """Whether a new caller gets an answer of its own."""
    with RawCaller(port) as caller:
        return caller.call("GET", "/-/live").status == 200
