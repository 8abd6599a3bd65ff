"""`exeat top` of a running gateway."""

import json
from collections.abc import Mapping

from tests.end_to_end.test_control_listener import Control, running
from tests.end_to_end.test_metrics import status_of_path
from tests.support.gateway import make_key, run_exeat
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller

SECRET = MARKERS.make("token of the metrics for top")


def top(control: Control, *arguments: str, **env: str) -> tuple[int, str, str]:
    """What it prints."""
    listen = str(control.gateway.serving["control"][0]).removeprefix("http://")  # type: ignore[index]
    own: Mapping[str, str] = {"EXEAT_CONTROL_LISTEN": listen, **env}
    done = run_exeat("top", *arguments, cwd=control.gateway.folder, env=own)
    return done.returncode, done.stdout, done.stderr


def test_what_happens_now() -> None:
    """Calls that are made while it looks are on the screen."""
    key = make_key()
    with Origin(status_of_path) as upstream:
        document = {
            "upstreams": {"api": upstream.entry()},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with running(document) as control, RawCaller(control.gateway.port) as caller:
            for _ in range(20):
                caller.call("GET", "/api/200", f"Exeat-Key: {key.key}")
            code, out, _ = top(control, "--every", "2", "--json")
            assert code == 0
            found = json.loads(out)
            assert found["workers"] == 1
            code, out, _ = top(control, "--every", "0.2", "--once")
            assert code == 0
            for word in ("calls/s", "api", "web", "Failures"):
                assert word in out


def test_why_not() -> None:
    """A token that is missing, and a gateway that isn't there, are said in a sentence."""
    with running({}, EXEAT_METRICS_TOKEN=SECRET) as control:
        code, _, error = top(control, "--once")
        assert (code, "wants the token of EXEAT_METRICS_TOKEN" in error) == (1, True)
        assert top(control, "--once", "--every", "0.2", EXEAT_METRICS_TOKEN=SECRET)[0] == 0
    done = run_exeat("top", "--once", cwd=control.gateway.folder.parent, env={"EXEAT_CONTROL_LISTEN": "127.0.0.1:1"})
    assert (done.returncode, "can't be reached" in done.stderr) == (1, True)
