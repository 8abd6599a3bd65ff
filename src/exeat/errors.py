"""Every failure that Exeat can name, and what each one means to the caller.

Rule 1: a failure has one name, its code; status, title, advice and Proxy-Status word are read from MEANINGS.
Rule 2: nothing else in the project decides a status for a failure.
Rule 3: `detail` is written by Exeat: it never holds a secret, nor a byte of what an upstream answered.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """The name of a failure, shared by answers, logs, metrics and documentation."""

    MALFORMED_REQUEST = "malformed-request"
    MALFORMED_TARGET = "malformed-target"
    ENVELOPE_INVALID = "envelope-invalid"
    KEY_MISSING = "key-missing"
    KEY_MALFORMED = "key-malformed"
    KEY_UNKNOWN = "key-unknown"
    KEY_EXPIRED = "key-expired"
    KEY_REVOKED = "key-revoked"
    GRANT_MISSING = "grant-missing"
    METHOD_NOT_GRANTED = "method-not-granted"
    PATH_NOT_GRANTED = "path-not-granted"
    TARGET_NOT_ALLOWED = "target-not-allowed"
    PORT_NOT_ALLOWED = "port-not-allowed"
    ADDRESS_BLOCKED = "address-blocked"
    PLAINTEXT_REFUSED = "plaintext-refused"
    IP_NOT_ALLOWED = "ip-not-allowed"
    UPSTREAM_UNKNOWN = "upstream-unknown"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    CLIENT_TIMEOUT = "client-timeout"
    BODY_TOO_LARGE = "body-too-large"
    TARGET_TOO_LONG = "target-too-long"
    FIELDS_TOO_LARGE = "fields-too-large"
    CLIENT_CLOSED = "client-closed"
    INTERNAL = "internal"
    DNS_FAILED = "dns-failed"
    CONNECT_FAILED = "connect-failed"
    TLS_FAILED = "tls-failed"
    UPSTREAM_CLOSED = "upstream-closed"
    UPSTREAM_MALFORMED = "upstream-malformed"
    CREDENTIAL_UNAVAILABLE = "credential-unavailable"
    DRAINING = "draining"
    OVERLOADED = "overloaded"
    AUDIT_UNAVAILABLE = "audit-unavailable"
    CONNECT_TIMEOUT = "connect-timeout"
    RESPONSE_TIMEOUT = "response-timeout"
    IDLE_TIMEOUT = "idle-timeout"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    LOOP_DETECTED = "loop-detected"


class Meaning(NamedTuple):
    """What a code means to the caller: status, one line, an explanation, and what to do about it.

    `proxy_status` is the error type of RFC 9209 §2.3. `retry_after` (seconds) is advice for repeating the call.
    """

    status: int
    title: str
    explanation: str
    hint: str
    proxy_status: str
    retry_after: int | None = None


MEANINGS: dict[Code, Meaning] = {
    Code.MALFORMED_REQUEST: Meaning(
        400,
        "The request is not valid HTTP/1.1",
        "The bytes that arrived break a rule of RFC 9110 or RFC 9112, or could be read in two ways. Exeat refuses such"
        " a request rather than guess, because a guess is how requests are smuggled, and closes the connection.",
        "Send the request with an HTTP library, or correct what the detail names.",
        "http_request_error",
    ),
    Code.MALFORMED_TARGET: Meaning(
        400,
        "The target of the request can't be understood",
        "The URL or path names no place that Exeat could call without guessing: user information, a backslash, dot"
        " segments, an encoded host, a second port, an unusual spelling of an address.",
        "Write the target as https://host[:port]/path, with the host in its plain form.",
        "http_request_error",
    ),
    Code.ENVELOPE_INVALID: Meaning(
        400,
        "The envelope is not valid",
        "The body of POST /-/call is not the JSON that the envelope asks for.",
        'Send {"upstream": …, "path": …} or {"url": …}, or an array of up to 50 of them.',
        "http_request_error",
    ),
    Code.KEY_MISSING: Meaning(
        401,
        "No Exeat key in the request",
        "None of the places where Exeat looks for a key holds one.",
        "Send your key as 'Exeat-Key: exeat_…' or 'Authorization: Bearer exeat_…'. If you did, see whether your client"
        " replaced it (requests and curl take Authorization from a .netrc file).",
        "http_request_denied",
    ),
    Code.KEY_MALFORMED: Meaning(
        401,
        "The Exeat key is not well-formed",
        "Something that begins like an Exeat key has a wrong length, alphabet or check, or two keys were sent.",
        "Copy the key again, whole, and send one key only.",
        "http_request_denied",
    ),
    Code.KEY_UNKNOWN: Meaning(
        401,
        "The Exeat key is not known",
        "The key is well-formed but this gateway doesn't know it.",
        "Check that you call the right gateway, and that the key's SHA-256 is in its configuration.",
        "http_request_denied",
    ),
    Code.KEY_EXPIRED: Meaning(
        401,
        "The Exeat key has expired",
        "The key's time is over.",
        "Ask whoever runs this gateway for a new key.",
        "http_request_denied",
    ),
    Code.KEY_REVOKED: Meaning(
        401,
        "The Exeat key was revoked",
        "The key was taken back by an administrator.",
        "Ask whoever runs this gateway for a new key.",
        "http_request_denied",
    ),
    Code.GRANT_MISSING: Meaning(
        403,
        "The key may not use this upstream",
        "The consumer that owns the key has no grant for what was called.",
        "GET /-/whoami lists what your key may call; ask for a grant.",
        "http_request_denied",
    ),
    Code.METHOD_NOT_GRANTED: Meaning(
        403,
        "The method is not granted",
        "The upstream or the consumer's grant lists methods, and this one is not among them.",
        "GET /-/whoami lists what your key may call; ask for the method.",
        "http_request_denied",
    ),
    Code.PATH_NOT_GRANTED: Meaning(
        403,
        "The path is not granted",
        "The upstream or the consumer's grant lists paths, and this one is not among them, is denied, or could be read"
        " in two ways.",
        "GET /-/whoami lists what your key may call; ask for the path.",
        "http_request_denied",
    ),
    Code.TARGET_NOT_ALLOWED: Meaning(
        403,
        "The target is not an allowed destination",
        "The host is neither that of an upstream nor matched by a destination.",
        "Ask for the host to be added to the gateway's destinations or upstreams.",
        "http_request_denied",
    ),
    Code.PORT_NOT_ALLOWED: Meaning(
        403,
        "The port is not allowed",
        "The host is an allowed destination, but not at this port.",
        "Use the standard port, or ask for host:port to be added to the destinations.",
        "http_request_denied",
    ),
    Code.ADDRESS_BLOCKED: Meaning(
        403,
        "The target's address may not be called",
        "The host resolves to an address that is private, reserved, a metadata service or otherwise not public, and the"
        " upstream doesn't grant that network. If one of several addresses is bad, none is called.",
        "For an internal API, list its network under the upstream's network.private.",
        "destination_ip_prohibited",
    ),
    Code.PLAINTEXT_REFUSED: Meaning(
        403,
        "Plaintext HTTP to this target is refused",
        "Requests leave over TLS. Plain http:// is used only where an upstream or destination says plaintext: true.",
        "Use https://, or ask for plaintext: true on that upstream.",
        "http_request_denied",
    ),
    Code.IP_NOT_ALLOWED: Meaning(
        403,
        "The key may not be used from this address",
        "The consumer lists the networks its keys may be used from, and the caller's address is in none of them.",
        "Call from an allowed network, or ask for yours to be added.",
        "http_request_denied",
    ),
    Code.UPSTREAM_UNKNOWN: Meaning(
        404,
        "No such upstream",
        "The first part of the path (or the host) names no upstream of this gateway.",
        "GET /-/whoami lists the upstreams that your key may call.",
        "destination_not_found",
    ),
    Code.METHOD_NOT_ALLOWED: Meaning(
        405,
        "The method can't be used here",
        "One of Exeat's own paths was called with another method than it has; or the method is TRACE, which would"
        " reflect credentials, or CONNECT, which would open a tunnel that policy can't see into.",
        "Use another method; see the guide to the modes for how to address an upstream.",
        "http_request_denied",
    ),
    Code.CLIENT_TIMEOUT: Meaning(
        408,
        "The request did not arrive in time",
        "The head or the body of the request stopped arriving before it was complete.",
        "Send the request again, without pauses.",
        "http_request_error",
    ),
    Code.BODY_TOO_LARGE: Meaning(
        413,
        "The body is too large",
        "A policy has to hold the whole body in memory, and it is larger than the limit for that (10 MiB, unless"
        " EXEAT_MAX_BUFFER_BYTES says otherwise).",
        "Use a mode that streams (path, host, header or URL in path) instead of the envelope.",
        "http_request_error",
    ),
    Code.TARGET_TOO_LONG: Meaning(
        414,
        "The request target is too long",
        "The request line is longer than this gateway takes: 8 KiB, unless EXEAT_MAX_LINE_BYTES says otherwise.",
        "Send the data in the body.",
        "http_request_error",
    ),
    Code.FIELDS_TOO_LARGE: Meaning(
        431,
        "The request's fields are too large",
        "The head of the request has more fields or bytes than this gateway takes: 100 and 32 KiB, unless"
        " EXEAT_MAX_FIELDS and EXEAT_MAX_HEAD_BYTES say otherwise.",
        "Send fewer or shorter fields.",
        "http_request_error",
    ),
    Code.CLIENT_CLOSED: Meaning(
        499,
        "The caller went away",
        "The caller closed the connection before it had the whole answer. This is only ever logged.",
        "Nothing to do, unless the caller's own timeout is too short.",
        "http_request_error",
    ),
    Code.INTERNAL: Meaning(
        500,
        "A fault inside Exeat",
        "This is a bug. What happened is in the gateway's log under the request id, and nowhere else.",
        "Report it with the request id.",
        "proxy_internal_error",
    ),
    Code.DNS_FAILED: Meaning(
        502,
        "The upstream's name can't be resolved",
        "The name has no address, or the name servers did not answer in time.",
        "Check the host's spelling, and the gateway's DNS.",
        "dns_error",
    ),
    Code.CONNECT_FAILED: Meaning(
        502,
        "No connection to the upstream",
        "The upstream refused the connection or can't be reached.",
        "Try again; if it persists, check that the upstream is up and reachable from the gateway.",
        "connection_refused",
    ),
    Code.TLS_FAILED: Meaning(
        502,
        "No secure connection to the upstream",
        "The TLS handshake failed: a certificate that isn't valid for the name, isn't trusted or has expired, or a"
        " protocol version below TLS 1.2.",
        "Check the upstream's certificate, and tls.ca of the upstream if it has a private authority.",
        "tls_certificate_error",
    ),
    Code.UPSTREAM_CLOSED: Meaning(
        502,
        "The upstream closed the connection",
        "The upstream closed the connection before its answer began.",
        "Repeat the call if that is safe: the upstream may have acted on it.",
        "connection_terminated",
    ),
    Code.UPSTREAM_MALFORMED: Meaning(
        502,
        "The upstream's answer is not valid HTTP/1.1",
        "The upstream's answer breaks a rule of RFC 9110 or RFC 9112, or could be read in two ways.",
        "Tell whoever runs the upstream.",
        "http_protocol_error",
    ),
    Code.CREDENTIAL_UNAVAILABLE: Meaning(
        502,
        "The upstream's credential is not available",
        "The secret that the upstream needs has disappeared since the gateway was configured. Nothing was sent.",
        "Restore the environment variable or file that the upstream's credential refers to.",
        "proxy_configuration_error",
    ),
    Code.DRAINING: Meaning(
        503,
        "The gateway is shutting down",
        "This instance finishes what it has begun and accepts nothing new.",
        "Repeat the call; another instance will answer.",
        "proxy_internal_response",
        1,
    ),
    Code.OVERLOADED: Meaning(
        503,
        "The gateway is as busy as it may be",
        "The limit of connections to this origin was reached and none became free in time; or the gateway holds as many"
        " callers' connections as it may, and none of them is idle; or the machine lets it open no more.",
        "Repeat the call later, or spread the calls out. Whoever runs the gateway can raise EXEAT_UPSTREAM_CONNECTIONS"
        " or EXEAT_MAX_CONNECTIONS.",
        "connection_limit_reached",
        1,
    ),
    Code.AUDIT_UNAVAILABLE: Meaning(
        503,
        "No record of this exchange could be kept",
        "Every exchange has a record before anything of it leaves. The place where records are kept is full or can't be"
        " written, so nothing new is begun. It goes on by itself as soon as there is room.",
        "Repeat the call later. Whoever runs the gateway makes room where EXEAT_DATA_DIR is, or lets exchanges go on"
        " without records by audit.on_failure: continue.",
        "proxy_internal_error",
        1,
    ),
    Code.CONNECT_TIMEOUT: Meaning(
        504,
        "Connecting to the upstream took too long",
        "No connection (TCP and TLS) within the upstream's timeout.connect.",
        "Try again; nothing was sent.",
        "connection_timeout",
    ),
    Code.RESPONSE_TIMEOUT: Meaning(
        504,
        "The upstream did not answer in time",
        "The head of the answer did not arrive within the upstream's timeout.response.",
        "Repeat the call if that is safe, or ask for a longer timeout.response.",
        "http_response_timeout",
    ),
    Code.IDLE_TIMEOUT: Meaning(
        504,
        "The upstream stopped in the middle",
        "Nothing moved between the gateway and the upstream for the upstream's timeout.idle.",
        "Repeat the call if that is safe.",
        "connection_read_timeout",
    ),
    Code.DEADLINE_EXCEEDED: Meaning(
        504,
        "The call took longer than it may",
        "The caller's own Exeat-Timeout, or the upstream's timeout.total, has passed.",
        "Allow more time if the upstream needs it.",
        "http_response_timeout",
    ),
    Code.LOOP_DETECTED: Meaning(
        508,
        "The request would come back to this gateway",
        "The target is one of Exeat's own listeners, or the request has been through this gateway already.",
        "Call the API itself, not the gateway's address.",
        "proxy_loop_detected",
    ),
}


class GatewayError(Exception):
    """What Exeat refuses or fails at; the only exception that leaves a policy or a phase.

    `detail` is one sentence for the caller, `allow` the methods that a 405 lists. `untouched` says that no byte of the
    request was sent upstream, so that another attempt can't repeat anything. `closes` says that the framing of the
    caller's connection is in doubt, so that it has to be closed. Raised from the exception that caused it, if any.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        hint: str | None = None,
        allow: str | None = None,
        untouched: bool = False,
        closes: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.hint = hint
        self.allow = allow
        self.untouched = untouched
        self.closes = closes

    @property
    def meaning(self) -> Meaning:
        """The row of the table for this error's code."""
        return MEANINGS[self.code]
