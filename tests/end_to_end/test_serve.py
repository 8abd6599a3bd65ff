"""The life of a gateway: start, refusal to start, death of workers, drain, end."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from tests.support.gateway import EXEAT, Gateway, environment, make_key, run_exeat, wait_until
from tests.support.held_upstream import BODY, held_upstream

EMPTY = "upstreams: {}\n"
SECRET = "marker-of-a-secret-that-must-not-be-seen"


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"


def test_it_serves_within_a_second() -> None:
    """From nothing to the first answer takes a second; three on a busy machine."""
    began = time.monotonic()
    with Gateway(EMPTY) as gateway:
        assert get(gateway.port, "/-/ready") == (200, b"ready\n")
        assert time.monotonic() - began < 3


def test_the_banner_says_where_and_what_next(tmp_path: Path) -> None:
    """People are told where it listens, what it knows, and the first call to make."""
    document = {"upstreams": {"github": {"url": "https://api.github.com"}}}
    gateway = Gateway(document, {"EXEAT_LOG_FORMAT": "console"}, folder=tmp_path)
    gateway.launch()
    wait_until(lambda: "Look  http" in gateway.stderr(), "the banner")
    text = gateway.stderr()
    gateway.stop()
    assert "Exeat 0.1.0 serves at\n  http://127.0.0.1:" in text
    assert "1 upstream, 0 destinations, 0 consumers, 0 keys from exeat.yaml" in text
    assert "exeat key create" in text
    assert '/github/ -H "Exeat-Key: $KEY"' in text


def test_a_busy_port_is_one_line() -> None:
    """A port that another program has stops the start, even if that program would share it."""
    with Gateway(EMPTY) as gateway:
        address = f"127.0.0.1:{gateway.port}"
        result = run_exeat("serve", cwd=gateway.folder, env={"EXEAT_LISTEN": address})
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert address in result.stderr
    assert "another program listens there" in result.stderr
    assert result.stdout == ""


def test_a_missing_document_is_one_line(tmp_path: Path) -> None:
    """A document that isn't there stops the start."""
    result = run_exeat("serve", "--config", "nowhere.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "exeat: nowhere.yaml: can't be read: No such file or directory\n"


def test_a_bad_document_lists_every_problem(tmp_path: Path) -> None:
    """All problems are named at once, each with its line, and no secret with them."""
    (tmp_path / "exeat.yaml").write_text(
        "upstreams:\n"
        "  github:\n"
        "    url: ftp://api.github.com\n"
        f'    credential: {{kind: bearer, secret: "{SECRET}\\n"}}\n'
        "destinations: ['*']\n"
        "consumers:\n"
        "  web:\n"
        "    grants: [gihub]\n"
    )
    result = run_exeat("serve", cwd=tmp_path)
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    for start in ("exeat.yaml:3: upstreams.github.url", "exeat.yaml:4: ", "exeat.yaml:5: ", "exeat.yaml:8: "):
        assert any(line.startswith(f"exeat: {start}") for line in lines), start
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stderr


def test_bad_settings_list_every_problem(tmp_path: Path) -> None:
    """Settings are checked like the document: all of them, one line each."""
    result = run_exeat("serve", cwd=tmp_path, env={"EXEAT_WORKERS": "many", "EXEAT_LOG_LEVEL": "loud"})
    assert result.returncode == 2
    assert result.stderr.count("\n") == 2
    assert "EXEAT_WORKERS" in result.stderr
    assert "EXEAT_LOG_LEVEL" in result.stderr


def test_plaintext_for_other_machines_is_refused(tmp_path: Path) -> None:
    """Where other machines can connect, plaintext has to be asked for."""
    result = run_exeat("serve", cwd=tmp_path, env={"EXEAT_LISTEN": "0.0.0.0:0"})
    assert result.returncode == 2
    assert "EXEAT_TLS=self-signed" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_unix_socket_is_served_and_removed() -> None:
    """`unix:PATH` listens with mode 0660; what a dead gateway left there is replaced, and the end removes it."""
    with Gateway(EMPTY, {"EXEAT_LISTEN": "127.0.0.1:0,unix:gateway.sock"}, workers=2) as gateway:
        path = gateway.folder / "gateway.sock"
        assert path.stat().st_mode & 0o777 == 0o660
        assert over_unix(path).startswith(b"HTTP/1.1 200")
        gateway.kill()
        assert path.exists()
        gateway.start()
        assert over_unix(path).startswith(b"HTTP/1.1 200")
        gateway.stop()
        assert not path.exists()


def over_unix(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return sock.recv(4096)


def test_a_dead_worker_is_replaced_while_others_serve() -> None:
    """Killing a worker costs no other its callers, and a successor comes at once."""
    with Gateway(EMPTY, workers=2) as gateway:
        before = gateway.worker_pids()
        assert len(before) == 2
        with gateway.expect("worker is ready"):
            gateway.kill_worker(before[0])
            for _ in range(20):
                assert get(gateway.port, "/-/ready")[0] == 200
        after = gateway.worker_pids()
        assert len(after) == 2
        assert before[0] not in after
        assert before[1] in after
        died = gateway.events("worker died; it is started again")
        assert [(event["reason"], event["after_s"]) for event in died] == [("signal SIGKILL", 0.0)]


def test_drain_lets_an_answer_finish() -> None:
    """SIGTERM closes the door and waits for what is under way; then the exit is clean."""
    key = make_key()
    with held_upstream() as upstream:
        document = {
            "upstreams": {"held": upstream.entry},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["held"]}},
        }
        with Gateway(document) as gateway:
            answers: list[tuple[int, bytes]] = []

            def call() -> None:
                answers.append(get(gateway.port, "/held/", {"Exeat-Key": key.key}))

            caller = threading.Thread(target=call)
            caller.start()
            assert upstream.arrived.wait(10)
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: not accepts(gateway.port), "no new connections")
            assert gateway.is_running
            upstream.release.set()
            caller.join(10)
            assert answers == [(200, BODY)]
            assert gateway.wait() == 0
            assert [line["status"] for line in gateway.access_lines(1)] == [200]
            assert key.key not in gateway.stdout() + gateway.stderr()


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_second_signal_ends_at_once() -> None:
    """Whoever is impatient asks twice: what is under way is cut, and the exit code says so."""
    key = make_key()
    with held_upstream() as upstream:
        document = {
            "upstreams": {"held": upstream.entry},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["held"]}},
        }
        with Gateway(document, {"EXEAT_DRAIN_S": "30"}) as gateway, socket.socket() as sock:
            sock.connect(("127.0.0.1", gateway.port))
            sock.sendall(f"GET /held/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key.key}\r\n\r\n".encode())
            assert upstream.arrived.wait(10)
            with gateway.expect("draining"):
                gateway.signal(signal.SIGINT)
            gateway.signal(signal.SIGINT)
            assert gateway.wait(5) == 1


def test_workers_end_with_their_supervisor() -> None:
    """Workers whose supervisor was killed notice and end: nothing keeps the port."""
    with Gateway(EMPTY, workers=2) as gateway:
        workers = gateway.worker_pids()
        gateway.kill()
        wait_until(lambda: not any(is_alive(pid) for pid in workers), "workers end")
        assert not accepts(gateway.port)


def test_nothing_secret_is_said() -> None:
    """Banner, logs and access lines of a gateway hold neither a credential nor a key."""
    key = make_key()
    document = {
        "upstreams": {"api": {"url": "https://api.example", "credential": {"kind": "bearer", "secret": "${TOKEN}"}}},
        "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
    }
    with Gateway(document, {"TOKEN": SECRET}) as gateway:
        get(gateway.port, "/api/x?secret=1", {"Exeat-Key": key.key})
        get(gateway.port, "/-/whoami", {"Exeat-Key": key.key})
        gateway.access_lines(2)
        gateway.reload({**document, "destinations": ["a.example"]})
        said = gateway.stdout() + gateway.stderr()
        assert SECRET not in said
        assert key.key not in said


def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    """A gateway whose standard error is a closed pipe serves, reloads and drains as ever."""
    (tmp_path / "exeat.yaml").write_text(EMPTY)
    path = tmp_path / "gateway.sock"
    reading, writing = os.pipe()
    env = environment({"EXEAT_LISTEN": f"unix:{path}", "EXEAT_LOG_LEVEL": "debug"})
    with os.fdopen(writing, "wb") as stderr:
        process = subprocess.Popen([*EXEAT, "serve"], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=stderr)
    os.close(reading)
    try:
        wait_until(path.exists, "it listens")
        assert over_unix(path).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGHUP)
        assert over_unix(path).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)
