"""httpbin behind TLS: `python -m tests.support.httpbin_server CERTIFICATE KEY` says its port, then serves."""

import sys

from httpbin import app  # type: ignore[import-untyped]  # it has no types
from werkzeug.serving import make_server


def main(certificate: str, key: str) -> None:
    """Serve until the process is ended."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=(certificate, key))
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
