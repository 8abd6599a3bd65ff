"""A private HAProxy that passes everything on to one port, as unsuspecting as its configuration lets it be."""

from pathlib import Path

from tests.support.programs import Program, find_program, free_port

_CONFIG = """\
global
    nbthread 1
    maxconn 1024

defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    retries 0
    http-reuse always
    # What it could refuse by itself is what it is here to let through.
    option accept-invalid-http-request
    option accept-invalid-http-response

frontend entrance
    bind 127.0.0.1:{port}
    http-request deny if {{ path_reg {denied} }}
    default_backend next

backend next
    server next 127.0.0.1:{next_port}
"""


def haproxy(folder: Path, next_port: int, denied: str) -> Program:
    """A reverse proxy to a port of this machine. It shares connections, and refuses paths that match `denied`."""
    folder.mkdir()
    config, port = folder / "haproxy.cfg", free_port()
    config.write_text(_CONFIG.format(next_port=next_port, port=port, denied=denied), "ascii")
    return Program([find_program("haproxy"), "-db", "-f", str(config)], port, folder)
