"""Envoy as a gateway: api_key_auth, local_ratelimit, credential, JSON access line, verified upstreams."""

import subprocess

from peers import Peer
from testbed import TLS_ROUTES, UPSTREAM_NAME, Route, Testbed

_CONFIG = """\
static_resources:
  listeners:
  - name: gateway
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    tcp_backlog_size: 8192
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": {extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: gateway
          codec_type: HTTP1
          generate_request_id: false
          use_remote_address: false
          skip_xff_append: true
          server_header_transformation: PASS_THROUGH
          access_log:
          - name: file
            typed_config:
              "@type": {extensions}.access_loggers.file.v3.FileAccessLog
              path: {log}
              log_format:
                json_format:
                  time: "%START_TIME%"
                  id: "%STREAM_ID%"
                  method: "%REQ(:METHOD)%"
                  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
                  upstream: "%UPSTREAM_CLUSTER%"
                  status: "%RESPONSE_CODE%"
                  received: "%BYTES_RECEIVED%"
                  sent: "%BYTES_SENT%"
                  duration: "%DURATION%"
                  upstream_duration: "%RESPONSE_DURATION%"
                  client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
          http_filters:
          - name: key
            typed_config:
              "@type": {extensions}.filters.http.api_key_auth.v3.ApiKeyAuth
              credentials: [{{key: {key}, client: bench}}]
              key_sources: [{{header: authorization}}]
              forwarding: {{hide_credentials: true}}
          - name: limit
            typed_config:
              "@type": {extensions}.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {{max_tokens: {plenty}, tokens_per_fill: {plenty}, fill_interval: 1s}}
              filter_enabled: {{default_value: {{numerator: 100}}}}
              filter_enforced: {{default_value: {{numerator: 100}}}}
          - name: router
            typed_config:
              "@type": {extensions}.filters.http.router.v3.Router
              suppress_envoy_headers: true
          route_config:
            request_headers_to_add:
            - header: {{key: authorization, value: "Bearer {credential}"}}
              append_action: OVERWRITE_IF_EXISTS_OR_ADD
            response_headers_to_add:
            - header: {{key: gateway-request-id, value: "%STREAM_ID%"}}
            - header: {{key: gateway-origin, value: upstream}}
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
{routes}
  clusters:
{clusters}
"""

_ROUTE = """\
              - match: {{prefix: "/{route}/"}}
                request_headers_to_remove: [x-envoy-original-path]
                route:
                  cluster: {route}
                  prefix_rewrite: /
                  host_rewrite_literal: "{name}:{port}"
                  timeout: 0s
"""

_CLUSTER = """\
  - name: {route}
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{thresholds: [{{max_connections: 16384, max_requests: 16384}}]}}
    load_assignment:
      cluster_name: {route}
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
"""

# Envoy's own maximum for upstreams is TLS 1.2 unless told.
_TLS = """\
    transport_socket:
      name: tls
      typed_config:
        "@type": {extensions}.transport_sockets.tls.v3.UpstreamTlsContext
        sni: {name}
        common_tls_context:
          tls_params:
            tls_minimum_protocol_version: TLSv1_2
            tls_maximum_protocol_version: TLSv1_3
          validation_context:
            trusted_ca: {{filename: {authority}}}
            match_typed_subject_alt_names:
            - {{san_type: DNS, matcher: {{exact: {name}}}}}
"""

_EXTENSIONS = "type.googleapis.com/envoy.extensions"


def envoy_version(binary: str) -> str:
    """From `envoy --version`, which ends in commit/version/tree/build/library."""
    shown = subprocess.run((binary, "--version"), capture_output=True, text=True, check=True)
    return shown.stdout.strip().split("/")[-4]


def prepare_envoy(testbed: Testbed, binary: str, port: int) -> Peer:
    config = testbed.file("envoy/envoy.yaml")
    log = testbed.file("envoy/access.log")
    config.write_text(
        _CONFIG.format(
            extensions=_EXTENSIONS,
            port=port,
            log=log,
            key=testbed.key,
            credential=testbed.credential,
            plenty=1_000_000_000,
            routes="".join(_route(route, each) for route, each in testbed.upstream_ports.items()),
            clusters="".join(_cluster(testbed, route) for route in testbed.upstream_ports),
        )
    )
    options = ("--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "1000")
    return Peer(
        name="envoy",
        version=envoy_version(binary),
        command=(binary, "-c", str(config), "--log-level", "error", *options),
        port=port,
        output=testbed.file("envoy/output"),
        access_log=log,
        ok_mark=b'"status":200',
    )


def _route(route: Route, port: int) -> str:
    return _ROUTE.format(route=route, name=UPSTREAM_NAME, port=port)


def _cluster(testbed: Testbed, route: Route) -> str:
    plain = _CLUSTER.format(route=route, port=testbed.upstream_ports[route])
    if route not in TLS_ROUTES:
        return plain
    authority = testbed.certificates.authority
    return plain + _TLS.format(extensions=_EXTENSIONS, name=UPSTREAM_NAME, authority=authority)
