"""Every fault that these tests provoke, and what has to come of it: one row each.

`docs/reference/faults.md` is written from these rows, and each row is a test.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal, NamedTuple

from exeat.errors import MEANINGS, Code

Heard = Literal["answer", "problem", "cut", "nothing"]
Retried = Literal["again", "elsewhere", "never"]

QUICK_S = 0.4  # of the phase that is meant to take too long


class Fault(NamedTuple):
    """Something that goes wrong with one call.

    `heard` is what the caller gets: a problem of Exeat's, the upstream's whole answer, an answer that breaks off
    visibly, or nothing, because it has gone. `status` is the record's, where the code doesn't say it.
    `because`: a piece of the detail, so that none fails for another reason than its own.
    `phase`: what takes longer than it may. `within_s`: how long a call may take at most, on a quiet machine.

    `sent`: something of the request may have reached the upstream, so the call costs what a call costs.
    `retried`: whether another attempt follows, where `retries` allow one: again at the same endpoint, only elsewhere,
    or never.
    `blamed`: it counts against the endpoint, and may open its circuit.
    """

    name: str
    what: str
    code: Code | None
    because: str = ""
    heard: Heard = "problem"
    status: int = 0
    phase: str = ""
    within_s: float = QUICK_S + 0.3  # the sweep looks at every exchange a few times a second
    sent: bool = True
    retried: Retried = "again"
    blamed: bool = True

    @property
    def recorded_status(self) -> int:
        """The status of the record: that of the code, but where an upstream's was sent before."""
        return self.status or (MEANINGS[self.code].status if self.code is not None else 200)


unnamed = partial(Fault, code=Code.DNS_FAILED, sent=False)
unreached = partial(Fault, code=Code.CONNECT_FAILED, sent=False)
late = partial(Fault, code=Code.CONNECT_TIMEOUT, sent=False)
untrusted = partial(Fault, code=Code.TLS_FAILED, sent=False, retried="elsewhere")
refused = partial(Fault, code=Code.ADDRESS_BLOCKED, sent=False, retried="elsewhere", blamed=False)
closed = partial(Fault, code=Code.UPSTREAM_CLOSED)
malformed = partial(Fault, code=Code.UPSTREAM_MALFORMED, retried="never")
silent = partial(Fault, code=Code.RESPONSE_TIMEOUT, phase="response", retried="elsewhere")
answered = partial(Fault, code=None, heard="answer", retried="never", blamed=False)
# A head was passed on: nothing can be tried again, and what becomes of the body says nothing of the endpoint's health.
cut = partial(Fault, heard="cut", status=200, retried="never", blamed=False)
# Who ends may only have sent all that it wants to: it has 0.7 s to take its answer.
left = partial(Fault, code=Code.CLIENT_CLOSED, heard="nothing", retried="never", blamed=False, within_s=1.0)

DNS = (
    unnamed("name-unknown", "the name doesn't exist", because="omain name not found"),
    unnamed("servers-fail", "the name servers fail", because="general failure"),
    unnamed("servers-silent", "the name servers say nothing", because="did not answer", phase="dns"),
    unnamed("other-question", "the name servers answer what nobody asked", phase="dns"),
    unnamed("no-address", "the name has no address", because="no data"),
    refused("blocked", "the name leads to an address that may not be called"),
    refused("one-blocked", "one of the name's addresses may not be called"),
    unreached("nobody-there", "nobody listens at the name's address", because="refused"),
    untrusted("somebody-else", "a server of another name is at the name's address", because="mismatch"),
    answered("first-refuses", "the first of the name's addresses refuses, the second takes the connection"),
    answered("slow-name", "the name servers are slow, but in time"),
    answered("truncated-name", "the name servers' answer doesn't fit into one packet"),
)

CONNECTING = (
    unreached("refused", "nobody listens", because="refused"),
    unreached("accepts-and-resets", "the connection is taken and reset"),
    unreached("hangs-up", "the connection ends during the TLS handshake"),
    late("blackhole", "nothing answers the connection", phase="connect"),
    late("handshake-stalls", "the TLS handshake stands still", phase="tls"),
    untrusted("no-tls", "the port speaks plaintext HTTP", because="WRONG_VERSION"),
    untrusted("expired", "the certificate has expired", because="expired"),
    untrusted("wrong-host", "the certificate is for another host", because="mismatch"),
    untrusted("self-signed", "the certificate is self-signed", because="self-signed certificate"),
    untrusted("unknown-authority", "the certificate's authority isn't trusted", because="local issuer"),
    untrusted("too-old", "the upstream knows nothing newer than TLS 1.1", because="PROTOCOL_VERSION"),
    untrusted("wants-certificate", "the upstream wants a certificate that isn't shown", because="alert", sent=True),
    cut("alert-in-body", "an alert of TLS comes in the middle of the body", Code.UPSTREAM_CLOSED),
    cut("truncated-body", "TCP ends in the middle of the body, and TLS doesn't", Code.UPSTREAM_CLOSED),
)

ANSWERING = (
    closed("closes", "the upstream closes instead of answering"),
    closed("resets", "the upstream resets instead of answering"),
    malformed("half-a-head", "half of a head comes, then the end", because="middle of its head"),
    malformed("garbage", "the answer isn't HTTP", because="HTTP/1.1"),
    malformed("two-lengths", "the answer has two lengths", because="ength"),
    malformed("huge-head", "the head of the answer is larger than may be", because="larger"),
    malformed("interim-forever", "interim answers (1xx) come without end", because="interim"),
    malformed("first-chunk-bad", "the first chunk of the body is malformed", because="chunk", blamed=False),
    silent("silent", "the upstream takes the request and says nothing"),
    silent("drips", "the head comes slowly and never ends"),
    answered("unavailable", "the upstream answers 503", status=503, retried="again", blamed=True),
    answered("broken", "the upstream answers 500", status=500, blamed=True),
    answered("two-answers", "two answers come to one request: the second is dropped, and the connection with it"),
    cut("stalls", "the body stands still", Code.IDLE_TIMEOUT, phase="idle"),
    cut("endless", "the body never ends, and the caller has a deadline", Code.DEADLINE_EXCEEDED, within_s=1.8),
    cut("short", "the body is shorter than its length says", Code.UPSTREAM_CLOSED),
    cut("resets-in-body", "the upstream resets in the middle of the body", Code.UPSTREAM_CLOSED),
    cut("bad-chunk", "a later chunk of the body is malformed", Code.UPSTREAM_MALFORMED),
    answered("answers-early", "the upstream answers 413 while the request's body is sent", status=413),
    answered("refuses-body", "the upstream answers 417 to Expect: 100-continue", status=417),
    closed("closes-early", "the upstream closes while the request's body is sent", retried="never"),
    closed("post-closes", "the upstream closes instead of answering a POST", retried="never"),
)

CALLING = (
    left("goes-before-answer", "the caller goes before the answer"),
    left("resets-before-answer", "the caller resets before the answer"),
    left("goes-in-body", "the caller goes in the middle of the answer", status=200),
    left("goes-in-upload", "the caller goes in the middle of its body"),
    answered("half-closes", "the caller sends nothing more, and waits for the answer"),
    cut("stops-reading", "the caller reads nothing of a large answer", Code.IDLE_TIMEOUT, phase="idle", within_s=1.5),
)


class Recovery(NamedTuple):
    """Something that goes wrong once, or at one endpoint, with `retries` as they are unless said otherwise.

    `attempts`: what each attempt of the record ends with, a code or a status. `code` is what the caller is told.
    """

    name: str
    what: str
    attempts: tuple[str, ...]
    code: Code | None = None


RECOVERING = (
    Recovery("closes-once", "the upstream closes instead of answering, once", ("upstream-closed", "200")),
    Recovery("resets-once", "the upstream resets instead of answering, once", ("upstream-closed", "200")),
    Recovery("unavailable-once", "the upstream answers 503, once", ("503", "200")),
    Recovery("busy-once", "the upstream answers 429 with Retry-After, once", ("429", "200")),
    Recovery("busy", "the upstream answers 429 and doesn't say when", ("429",)),
    Recovery("unwilling", "the upstream answers 503 with x-should-retry: false", ("503",)),
    Recovery(
        "post-closes-once",
        "the upstream closes instead of answering a POST",
        ("upstream-closed",),
        Code.UPSTREAM_CLOSED,
    ),
    Recovery("post-with-key", "the same, and the POST has an Idempotency-Key", ("upstream-closed", "200")),
    Recovery("put-kept", "the upstream closes, and the body of a PUT is kept", ("upstream-closed", "200")),
    Recovery(
        "put-too-large",
        "the upstream closes, and the body of a PUT is longer than retries.body",
        ("upstream-closed",),
        Code.UPSTREAM_CLOSED,
    ),
    Recovery("reused-closes", "a kept connection is closed at the moment of sending", ("upstream-closed", "200")),
    Recovery("reused-closes-post", "the same with a POST", ("upstream-closed",), Code.UPSTREAM_CLOSED),
    Recovery("first-refuses", "the first of two endpoints refuses the connection", ("connect-failed", "200")),
    Recovery("post-elsewhere", "the same with a POST", ("connect-failed", "200")),
    Recovery("first-untrusted", "the first of two endpoints has a wrong certificate", ("tls-failed", "200")),
    Recovery("first-silent", "the first of two endpoints says nothing", ("response-timeout", "200")),
    Recovery("never-there", "nobody listens, ever", ("connect-failed",) * 3, Code.CONNECT_FAILED),
    Recovery(
        "variously",
        "one endpoint refuses the connection, the other closes; limit: 1",
        ("connect-failed", "upstream-closed"),
        Code.RETRIES_EXHAUSTED,
    ),
)


class Trouble(NamedTuple):
    """Something that is wrong for a while with a place that the gateway counts or keeps in, or with its machine.

    `meets` is what calls are refused with meanwhile, by what applies to them; all others pass. `then` is what follows.
    `tested` is where, if not beside the others of its family.
    """

    name: str
    what: str
    meets: Mapping[str, Code] = MappingProxyType({})
    then: str = ""
    tested: str = ""


# Rates and concurrency go on by each worker alone; what must not be exceeded refuses, unless the document says else.
UNCOUNTED: Mapping[str, Code] = MappingProxyType({"quota": Code.STATE_UNAVAILABLE, "budget": Code.STATE_UNAVAILABLE})
uncounted = partial(Trouble, meets=UNCOUNTED, then="All calls pass again as soon as Redis is there again.")
unkept = partial(Trouble, then="Records wait in the journal, and reach the database afterwards, each once.")
REDIS = (
    uncounted("stopped", "Redis is stopped in good order"),
    uncounted("killed", "Redis is killed"),
    uncounted("hanging", "Redis takes connections and answers nobody"),
    uncounted("failing-over", "Redis has become a replica, and takes no writes"),
    uncounted("wrong-password", "Redis wants another password"),
    uncounted("full", "Redis has no memory left"),
)

POSTGRES = (
    unkept("lets-nobody-in", "PostgreSQL lets nobody in"),
    unkept("stopped", "PostgreSQL is stopped in good order"),
    unkept("crashed", "PostgreSQL crashes"),
    unkept("hanging", "PostgreSQL takes connections and answers nobody"),
    unkept("locked", "somebody holds a lock on the table of records"),
    unkept("full", "PostgreSQL's disk is full"),
)

# Who needs a token and has no good one is refused, before anything is sent to the upstream.
TOKENLESS: Mapping[str, Code] = MappingProxyType({"a call without a good token": Code.CREDENTIAL_UNAVAILABLE})
AGAIN = "It is asked again, after pauses that grow; calls pass as soon as it gives a token."
unissued = partial(Trouble, meets=TOKENLESS, then=AGAIN)
TOKENS = (
    unissued("nobody-listens", "nobody listens at the token endpoint"),
    unissued("untrusted", "the token endpoint's certificate isn't trusted"),
    unissued("hanging", "the token endpoint takes the request and says nothing"),
    unissued("fails", "the token endpoint answers 500"),
    unissued("busy", "the token endpoint answers 429 with Retry-After", then="It is asked again when it has said."),
    unissued(
        "refuses",
        "the token endpoint refuses the client",
        then="It is asked again after longer pauses, and at once with another secret.",
    ),
    unissued("answers-a-page", "the token endpoint answers with a page, and no token"),
    Trouble(
        "fails-later",
        "any of this, while there is a token",
        then="The token counts until it ends.",
        tested="tests/end_to_end/test_tokens.py",
    ),
    Trouble(
        "revoked",
        "the upstream refuses a token with 401",
        then="Another one is fetched, once for all workers, and the call is made again with it.",
        tested="tests/end_to_end/test_tokens.py",
    ),
)

MACHINE = (
    Trouble(
        "disk-full",
        "the disk of the data directory is full",
        {"every call": Code.AUDIT_UNAVAILABLE},
        "Calls under way are recorded; with room again, calls pass again.",
    ),
    Trouble(
        "no-files",
        "a worker may open no more files",
        {"a call that needs another connection": Code.OVERLOADED},
        "Calls on connections that are open go on; with files again, calls pass again.",
    ),
    Trouble(
        "clock",
        "the clock of the machine is put back and forward",
        {},
        "Each call has one record, in order.",
        "tests/faults/test_clock.py",
    ),
    Trouble(
        "worker-killed",
        "a worker is killed",
        then="What it served breaks off and is recorded as `interrupted`; another worker begins.",
    ),
    Trouble(
        "worker-stuck",
        "a worker stands still",
        then="It is killed, and another one begins.",
        tested="tests/end_to_end/test_stuck_workers.py",
    ),
    Trouble(
        "control-killed",
        "the control process is killed",
        then="It is started again, and records that waited in the journal are moved.",
    ),
    Trouble(
        "counters-killed",
        "the process that counts is killed",
        {"a quota or budget, where that takes longer than a call waits": Code.STATE_UNAVAILABLE},
        "It is started again, and goes on where it was.",
    ),
    Trouble(
        "any-killed",
        "any process or all of them, at any moment, again and again",
        then="What was sent or answered has its one record.",
        tested="tests/faults/test_kills.py",
    ),
    Trouble(
        "instance-killed",
        "one of several instances behind a balancer is killed",
        then="Calls under way there are lost; all others go on at the other instances.",
        tested="tests/end_to_end/test_three_instances.py",
    ),
)
