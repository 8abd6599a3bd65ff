"""A real Prometheus reads the metrics; the configuration, the alerts and the board of `deploy` work with it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from exeat.cli.metrics_page import shown_name
from exeat.telemetry.metrics import METRICS
from tests.end_to_end.test_control_listener import running
from tests.end_to_end.test_metrics import status_of_path
from tests.support.gateway import make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.programs import find_program
from tests.support.prometheus import Prometheus, prometheus
from tests.support.raw_caller import RawCaller

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
GUIDE = ROOT / "docs" / "guides" / "seeing-it.md"
SECRET = MARKERS.make("token that Prometheus shows")
LIMIT_S = 30.0  # it looks for its targets after five seconds
_QUERY = re.compile(r"^\| [^|]+ \| `(?P<query>[^`]+)` \|$", re.MULTILINE)
_NAME = re.compile(r"\bexeat_[a-z_]+")


class Seen(NamedTuple):
    """A Prometheus that has seen a gateway with some calls, a tenth of them failed."""

    prometheus: Prometheus


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """One for all tests of this file."""
    key, token = make_key(), tmp_path_factory.mktemp("token") / "token"
    token.write_text(SECRET, "ascii")
    MARKERS.add_input(token)
    with Origin(status_of_path) as upstream:
        document = {
            "upstreams": {"api": upstream.entry() | {"retries": 0, "circuit": "off", "limits": [{"quota": "50/year"}]}},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with running(document, EXEAT_METRICS_TOKEN=SECRET) as control:
            for status in (200, 503):
                for _ in range(24):
                    with RawCaller(control.gateway.port) as caller:
                        caller.call("GET", f"/api/{status}", f"Exeat-Key: {key.key}")
            urls = control.gateway.serving["control"]
            assert isinstance(urls, list)
            with prometheus(str(urls[0]).removeprefix("http://"), RULES, token) as server:
                yield Seen(server)


def expressions() -> dict[str, str]:
    """Every query of the board, of the alerts and of the guide, by where it stands."""
    found: dict[str, str] = {}
    for panel in board()["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            found[f"board: {panel['title']}"] = expression
    for rule in yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]:
        found[f"alert: {rule['alert']}"] = rule["expr"]
    for match in _QUERY.finditer(GUIDE.read_text("utf-8")):
        found[f"guide: {match['query'][:40]}"] = match["query"]
    return found


def board() -> dict[str, Any]:
    """The board of deploy/grafana."""
    loaded: dict[str, Any] = json.loads((DEPLOY / "grafana" / "exeat.json").read_text("utf-8"))
    return loaded


def test_it_is_scraped(seen: Seen) -> None:
    """What was called is there."""
    query = 'sum(exeat_exchanges_total{job="exeat",upstream="api",status="503"})'

    def is_there() -> bool:
        found = seen.prometheus.ask(query)
        return bool(found) and float(found[0]["value"][1]) == 24

    wait_until(is_there, "the calls are counted there", LIMIT_S)
    assert seen.prometheus.ask('up{job="exeat"}')[0]["value"][1] == "1"


def test_an_alert_begins(seen: Seen) -> None:
    """A quota of which little is left is noticed by the rule for it."""

    def state() -> str:
        return {rule["name"]: str(rule["state"]) for rule in seen.prometheus.rules()}["ExeatLimitNearlyUsedUp"]

    wait_until(lambda: state() in {"pending", "firing"}, "the rule has noticed", LIMIT_S)


@pytest.mark.parametrize("where", sorted(expressions()))
def test_every_query_is_understood(seen: Seen, where: str) -> None:
    """Of the board, of the alerts, of the guide."""
    seen.prometheus.ask(expressions()[where])


@pytest.mark.parametrize("where", sorted(expressions()))
def test_every_query_asks_for_what_there_is(where: str) -> None:
    """No name is misspelt, nor was taken back."""
    known = {shown_name(metric) for metric in METRICS}
    known |= {f"{metric.name}_{end}" for metric in METRICS if metric.buckets for end in ("bucket", "sum", "count")}
    assert set(_NAME.findall(expressions()[where])) <= known


@pytest.mark.parametrize(("kind", "file"), [("config", "prometheus.yml"), ("rules", "alerts.yml")])
def test_promtool_finds_nothing_wrong(kind: str, file: str) -> None:
    """The files of deploy/prometheus are what Prometheus takes."""
    command = [find_program("promtool"), "check", kind, str(DEPLOY / "prometheus" / file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_board_is_what_its_script_writes() -> None:
    """deploy/grafana/exeat.json is made by scripts/grafana-board."""
    done = subprocess.run(
        [find_program("python3"), str(ROOT / "scripts" / "grafana-board")],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout) == board()
