"""What each failure means to the caller: one exhaustive table."""

from typing import NamedTuple

from exeat.errors.code import Code


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
        "The request can't be taken as it was sent",
        "The bytes that arrived break a rule of RFC 9110 or RFC 9112, or could be read in two ways. Exeat refuses such"
        " a request rather than guess, because a guess is how requests are smuggled, and closes the connection if it"
        " can't tell where the request ends. Or the request is valid and can't be sent as it is: its body has no place"
        " for a credential that the upstream wants there, or isn't the one that was signed, the Exeat key also stands"
        " where it would leave, or a field for Exeat has no value that it can have. Nothing was sent upstream then.",
        "Correct what the detail names; if it is about how HTTP is written, send the request with an HTTP library.",
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
        "Something that begins like an Exeat key has a wrong length, alphabet or check, two keys were sent, or what was"
        " signed with the pair of a key isn't what came: the request, or the URL of a link.",
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
        "The key's time is over, or that of the link that was called without a key.",
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
    Code.BUDGET_EXHAUSTED: Meaning(
        402,
        "The budget is spent",
        "A budget that applies to this call has less left than the call costs, or may cost. What it costs is held back"
        " before the call and settled after it, so that calls made at once can't spend more than there is.",
        "Wait for the budget's next window (retry_after says when), or ask whoever runs this gateway for more.",
        "http_request_denied",
    ),
    Code.RATE_LIMITED: Meaning(
        429,
        "Too many requests",
        "A rate that applies to this call (of the gateway, the consumer, its key, the grant or the upstream) is"
        " reached. Nothing of the request was sent, and nothing was counted.",
        "Call again after retry_after seconds; RateLimit says what is left. A limit with wait lets calls stand in line"
        " instead.",
        "http_request_denied",
        1,
    ),
    Code.QUOTA_EXHAUSTED: Meaning(
        429,
        "The quota is used up",
        "A quota that applies to this call lets so many requests pass in a window of the calendar, and they have.",
        "Wait for the quota's next window (retry_after says when), or ask whoever runs this gateway for more.",
        "http_request_denied",
        1,
    ),
    Code.TOO_MANY_CONCURRENT: Meaning(
        429,
        "Too many requests at once",
        "As many requests as a limit of concurrency lets run at once are running.",
        "Call again when an earlier call has ended. A limit with wait lets calls stand in line instead.",
        "http_request_denied",
        1,
    ),
    Code.QUEUE_FULL: Meaning(
        429,
        "The line is full",
        "The call is over a limit that lets calls stand in line, and as many as may stand there do.",
        "Call again after retry_after seconds, or call less at once.",
        "http_request_denied",
        1,
    ),
    Code.QUEUE_TIMEOUT: Meaning(
        429,
        "The call stood in line for as long as it may",
        "The call was over a limit that lets calls stand in line, and its turn didn't come in time.",
        "Call again after retry_after seconds, or call less at once.",
        "http_request_denied",
        1,
    ),
    Code.UPSTREAM_COOLING_DOWN: Meaning(
        429,
        "The upstream asked for a pause",
        "The upstream said of its own limits that no call passes before a certain time. Exeat doesn't send what would"
        " be refused.",
        "Call again after retry_after seconds.",
        "http_request_denied",
        1,
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
        "The whole body has to be in memory, and it is larger than the limit for that: a body that is signed or gets"
        " the upstream's credential (10 MiB), or an envelope or its answers (10 MiB, unless EXEAT_MAX_BUFFER_BYTES"
        " says otherwise). Every other body streams, and may have any size.",
        "Send or ask for less at once. What is too large for an envelope may be called in a mode that streams (path,"
        " host, header or URL in path).",
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
        " protocol version below TLS 1.2. Or the upstream wants a client certificate, and was shown none or another.",
        "Check the upstream's certificate, and tls.ca of the upstream if it has a private authority; if it wants a"
        " client certificate (the detail speaks of an alert), check tls.certificate and tls.key.",
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
        "The secret that the upstream needs has disappeared since the gateway was configured, or there is no token, for"
        " its endpoint gives none. Nothing was sent.",
        "The detail says which. Restore the variable or file that the credential names, or mend the token endpoint.",
        "proxy_configuration_error",
    ),
    Code.RETRIES_EXHAUSTED: Meaning(
        502,
        "Every attempt failed, each in its own way",
        "The call was tried several times, at one or more addresses of the upstream, and the attempts failed for"
        " different reasons; the detail names the last one. Where all fail for one reason, the answer has that one.",
        "Repeat the call later, if that is safe; the record of the call lists its attempts.",
        "destination_unavailable",
    ),
    Code.CIRCUIT_OPEN: Meaning(
        503,
        "The upstream rests after it failed too often",
        "Every address of the upstream failed, or was too slow, several times of late, or was given a rest by hand. So"
        " that it can recover, and callers needn't wait for it, no call is sent for a while; then one tries it, and if"
        " that goes well, the others follow. Nothing of this call was sent.",
        "Call again after retry_after seconds.",
        "destination_unavailable",
        1,
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
    Code.STATE_UNAVAILABLE: Meaning(
        503,
        "What is left of a quota or budget can't be known",
        "A quota or budget that applies to this call is counted in a place that can't be reached now. It is never"
        " exceeded for that: calls are refused until it is back.",
        "Repeat the call later. Whoever runs the gateway sees to its counters (`exeat doctor`), or lets calls pass"
        " uncounted meanwhile by `unless_known: continue` of the limit.",
        "proxy_internal_error",
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
        "No TCP connection within the upstream's timeout.connect, or no TLS handshake within its timeout.tls.",
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
