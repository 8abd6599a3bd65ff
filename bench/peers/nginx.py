"""nginx as a gateway: map, limit_req, credential, JSON access line, pooled verified upstreams."""

import os
import subprocess

from peers import Peer
from testbed import TLS_ROUTES, UPSTREAM_NAME, Route, Testbed

_CONFIG = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {files}; }}
http {{
    log_format line escape=json '{{"time":"$time_iso8601","id":"$request_id","consumer":"$consumer",'
        '"method":"$request_method","path":"$request_uri","upstream":"$proxy_host","status":$status,'
        '"received":$request_length,"sent":$bytes_sent,"duration":$request_time,'
        '"upstream_duration":"$upstream_response_time","client":"$remote_addr"}}';
    access_log {log} line{log_options};

    map_hash_bucket_size 256;
    map $http_authorization $consumer {{
        default "";
        "Bearer {key}" bench;
    }}
    limit_req_zone $consumer zone=consumers:1m rate=1000000r/s;

    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;

    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 2;
    proxy_ssl_trusted_certificate {authority};
    proxy_ssl_server_name on;
    proxy_ssl_name {name};
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_set_header Connection "";
    proxy_set_header Authorization "Bearer {credential}";

{pools}
    server {{
        listen 127.0.0.1:{port} backlog=8192;
        if ($consumer = "") {{ return 401; }}
        limit_req zone=consumers burst=1000000 nodelay;
        add_header Gateway-Request-Id $request_id always;
        add_header Gateway-Origin upstream always;
{locations}
    }}
}}
"""

_POOL = """\
    upstream pool-{route} {{
        server 127.0.0.1:{port};
        keepalive 128;
        keepalive_requests 1000000000;
        keepalive_time 1d;
        keepalive_timeout 300s;
    }}
"""

# A location that sets one header inherits none, so all three stand here.
_LOCATION = """\
        location /{route}/ {{
            proxy_pass {scheme}://pool-{route}/;
            proxy_set_header Host {name}:{port};
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer {credential}";
        }}
"""


def nginx_version(binary: str) -> str:
    shown = subprocess.run((binary, "-v"), capture_output=True, text=True, check=True)
    return shown.stderr.strip().rpartition("/")[2]


def prepare_nginx(testbed: Testbed, binary: str, port: int, *, buffered_log: bool = False) -> Peer:
    """Write the configuration. `buffered_log` lets a line wait a second or 64 KiB in memory."""
    name = "nginx-buffered" if buffered_log else "nginx"
    config = testbed.file(f"{name}/nginx.conf")
    log = testbed.file(f"{name}/access.log")
    config.write_text(
        _CONFIG.format(
            user="user root root;" if os.geteuid() == 0 else "",
            files=16384,
            folder=config.parent,
            log=log,
            log_options=" buffer=64k flush=1s" if buffered_log else "",
            key=testbed.key,
            credential=testbed.credential,
            authority=testbed.certificates.authority,
            name=UPSTREAM_NAME,
            pools="".join(_pool(route, each) for route, each in testbed.upstream_ports.items()),
            locations="".join(_location(testbed, route) for route in testbed.upstream_ports),
            port=port,
        )
    )
    return Peer(
        name=name,
        version=nginx_version(binary),
        command=(binary, "-p", str(config.parent), "-c", str(config)),
        port=port,
        output=testbed.file(f"{name}/output"),
        access_log=log,
        ok_mark=b'"status":200,',
    )


def _pool(route: Route, port: int) -> str:
    return _POOL.format(route=route, port=port)


def _location(testbed: Testbed, route: Route) -> str:
    return _LOCATION.format(
        route=route,
        scheme="https" if route in TLS_ROUTES else "http",
        name=UPSTREAM_NAME,
        port=testbed.upstream_ports[route],
        credential=testbed.credential,
    )
