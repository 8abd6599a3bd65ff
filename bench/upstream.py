"""The upstream under load: nginx with a constant answer, plain, TLS, and TLS to be refused."""

import http.client
import json
import os

from testbed import Testbed

# About the size and the fields of a small answer of a real API.
BODY = json.dumps(
    {
        "id": "itm_7Qm2x9Lk4Vb8Rt1Z",
        "object": "item",
        "created": 1764547200,
        "livemode": False,
        "owner": {"id": "usr_4Kd83hWq", "name": "Ada Lovelace", "plan": "team"},
        "amount": 129900,
        "currency": "eur",
        "status": "succeeded",
        "tags": ["priority", "imported"],
    },
    separators=(",", ":"),
)

TLS_VERSION = "TLSv1.3"
TLS_CIPHER = "TLS_AES_128_GCM_SHA256"

_CONFIG = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    ssl_certificate_key {key};
    ssl_protocols {version};
    ssl_conf_command Ciphersuites {cipher};
    ssl_ecdh_curve X25519;
    add_header Cache-Control no-store;
    add_header X-RateLimit-Limit 5000;
    add_header X-RateLimit-Remaining 4999;
    add_header Strict-Transport-Security "max-age=31536000";

    server {{
        listen 127.0.0.1:{plain} backlog=8192;
        listen 127.0.0.1:{tls} ssl backlog=8192;
        ssl_certificate {server};
        location / {{ return 200 '{body}'; }}
        location = /seen {{
            set $caller '"authorization":"$http_authorization","host":"$http_host"';
            return 200 '{{$caller,"id":"$http_x_request_id","tls":"$ssl_protocol $ssl_cipher"}}';
        }}
    }}
    server {{
        listen 127.0.0.1:{wrong_name} ssl;
        ssl_certificate {wrong_name_file};
        return 200 '{body}';
    }}
    server {{
        listen 127.0.0.1:{wrong_issuer} ssl;
        ssl_certificate {wrong_issuer_file};
        return 200 '{body}';
    }}
    server {{
        listen 127.0.0.1:{status};
        stub_status;
    }}
}}
"""


def upstream_command(testbed: Testbed, nginx: str) -> tuple[str, ...]:
    """Write the configuration and return what starts it."""
    config = testbed.file("upstream/nginx.conf")
    ports, certificates = testbed.upstream_ports, testbed.certificates
    config.write_text(
        _CONFIG.format(
            user="user root root;" if os.geteuid() == 0 else "",
            folder=config.parent,
            key=certificates.key,
            version=TLS_VERSION,
            cipher=TLS_CIPHER,
            plain=ports["plain"],
            tls=ports["tls"],
            wrong_name=ports["wrong-name"],
            wrong_issuer=ports["wrong-issuer"],
            server=certificates.server,
            wrong_name_file=certificates.wrong_name,
            wrong_issuer_file=certificates.wrong_issuer,
            status=testbed.status_port,
            body=BODY,
        )
    )
    return (nginx, "-p", str(config.parent), "-c", str(config))


def requests_seen(testbed: Testbed) -> int:
    """How many requests the upstream has answered since it started, this question included."""
    connection = http.client.HTTPConnection("127.0.0.1", testbed.status_port, timeout=5)
    try:
        connection.request("GET", "/")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    # Third line of stub_status: " accepts handled requests".
    return int(lines[2].split()[2])
