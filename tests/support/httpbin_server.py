"""httpbin behind a real TLS server, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.gateway import environment

ROOT = Path(__file__).parents[2]


@contextmanager
def httpbin(authority: Authority, folder: Path) -> Iterator[str]:
    """Run httpbin for the length of a block; its URL."""
    certificate, key = folder / "httpbin.pem", folder / "httpbin.key"
    authority.write_pair(certificate, key)
    with (folder / "httpbin.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.httpbin_server", str(certificate), str(key)],
            cwd=ROOT,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        with process.stdout as said:
            port = int(said.readline())
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def main(certificate: str, key: str) -> None:
    """Serve until the process is ended, after saying on which port."""
    from httpbin import app
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=(certificate, key))
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
