"""A private Prometheus on a free port that scrapes one gateway every half second."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.gateway import environment, wait_until
from tests.support.programs import find_program, free_port

STOP_S = 10.0


class Prometheus:
    """A running server; `ask` is one query of its API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    @property
    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self._url}/-/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The result of a query; AssertionError where it can't be understood."""
        answer = httpx.get(f"{self._url}/api/v1/query", params={"query": query}, timeout=10).json()
        assert answer["status"] == "success", (query, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """The alerts that it looks after."""
        groups = httpx.get(f"{self._url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def prometheus(target: str, rules: Path, token: Path | None = None) -> Iterator[Prometheus]:
    """Run one for the length of a block; it scrapes `target` (host:port), and judges by `rules`."""
    job: dict[str, object] = {"job_name": "exeat", "static_configs": [{"targets": [target]}]}
    if token is not None:
        job["authorization"] = {"credentials_file": str(token)}
    settings = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(rules)],
        "scrape_configs": [job],
    }
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="exeat-prometheus-") as name:
        folder = Path(name)
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(settings), "utf-8")
        command = [
            find_program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        ]  # fmt: skip
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                command, env=environment({}), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            server = Prometheus(port)
            wait_until(lambda: server.is_ready, "Prometheus answers")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
