"""A private nginx that passes everything on to one port, as unsuspecting as its configuration lets it be."""

import os
from pathlib import Path

from tests.support.programs import Program, find_program, free_port

_CONFIG = """\
daemon off;
master_process off;
{user}
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;

    # What it could refuse or drop by itself is what it is here to let through.
    ignore_invalid_headers off;
    underscores_in_headers on;
    client_max_body_size 0;
    keepalive_requests 1000000;

    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_next_upstream off;
    map $http_upgrade $connection_field {{ default upgrade; "" ""; }}
    upstream next {{
        server 127.0.0.1:{next_port};
        keepalive 32;
        keepalive_requests 1000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://next;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_field;
        }}
        location ~ {denied} {{ return 403; }}
    }}
}}
"""


def nginx(folder: Path, next_port: int, denied: str) -> Program:
    """A reverse proxy to a port of this machine. It shares connections, and refuses paths that match `denied`."""
    folder.mkdir()
    config, port = folder / "nginx.conf", free_port()
    user = "user root root;" if os.geteuid() == 0 else ""
    config.write_text(_CONFIG.format(user=user, folder=folder, next_port=next_port, port=port, denied=denied), "ascii")
    return Program([find_program("nginx"), "-p", str(folder), "-c", str(config), "-e", "stderr"], port, folder)
