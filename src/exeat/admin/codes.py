"""Every failure that the admin API can name: its status, one line, an explanation, and what to do about it.

Rule 1: a failure has one name, its code; nothing else in this package decides a status for a failure.
Rule 2: nothing here holds what was asked: that is in an answer's `detail`, and never a secret.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """The name of a failure, shared by answers, pages and documentation."""

    MALFORMED_REQUEST = "malformed-request"
    NOT_AUTHENTICATED = "not-authenticated"
    LOG_IN_FAILED = "log-in-failed"
    ROLE_TOO_LOW = "role-too-low"
    ORIGIN_REFUSED = "origin-refused"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    EXISTS = "exists"
    READ_ONLY = "read-only"
    CONFLICT = "conflict"
    STALE = "stale"
    BODY_TOO_LARGE = "body-too-large"
    MEDIA_TYPE = "unsupported-media-type"
    INVALID = "invalid"
    VERSION_MISSING = "version-missing"
    TOO_MANY_ATTEMPTS = "too-many-attempts"
    INTERNAL = "internal"
    AUDIT_UNAVAILABLE = "audit-unavailable"
    DATABASE_UNAVAILABLE = "database-unavailable"
    OVERLOADED = "overloaded"


class Meaning(NamedTuple):
    """What a code means to who asked."""

    status: int
    title: str
    explanation: str
    hint: str


MEANINGS: dict[Code, Meaning] = {
    Code.MALFORMED_REQUEST: Meaning(
        400,
        "The request can't be understood",
        "A parameter or field isn't known or has no possible value, or the body isn't the JSON or YAML it says it is."
        " An unknown parameter is refused because a misspelt `dry_run` must not become a change.",
        "Correct what the detail names.",
    ),
    Code.NOT_AUTHENTICATED: Meaning(
        401,
        "Nobody is logged in",
        "The request has neither the token of an administrator nor the cookie of a session, or what it has is no"
        " longer good: revoked, expired, or of an administrator who is disabled or gone.",
        "Send `Authorization: Bearer exeat_admin_…`, or log in with POST /api/v1/session.",
    ),
    Code.LOG_IN_FAILED: Meaning(
        401,
        "The log-in failed",
        "There is no such administrator, the password or token is wrong, or the administrator is disabled; which of"
        " these isn't said.",
        "Type it again; an administrator can set a new password.",
    ),
    Code.ROLE_TOO_LOW: Meaning(
        403,
        "The role doesn't allow this",
        "A viewer reads; an operator changes the configuration, keys and credentials; an administrator changes"
        " administrators and other people's tokens as well.",
        "Ask an administrator, or use a token with the role that the detail names.",
    ),
    Code.ORIGIN_REFUSED: Meaning(
        403,
        "The request comes from another page",
        "A write with a session's cookie counts only if the page that sends it came from this listener: its `Origin`"
        " has the host of the request, or the browser says `Sec-Fetch-Site: same-origin`.",
        "Open the dashboard at this listener's own address; programs use a token, not a cookie.",
    ),
    Code.NOT_FOUND: Meaning(
        404,
        "There is no such thing",
        "Nothing has this path or name.",
        "See the list of what there is; names are compared exactly.",
    ),
    Code.METHOD_NOT_ALLOWED: Meaning(
        405,
        "The method doesn't fit here",
        "The path exists, and does something else.",
        "See `Allow` for the methods that it has.",
    ),
    Code.EXISTS: Meaning(
        409,
        "The name is taken",
        "Something with this name was made before.",
        "Choose another name, or change what is there.",
    ),
    Code.READ_ONLY: Meaning(
        409,
        "The object is written elsewhere",
        "It comes from the document's file or from the environment, where alone it can be changed: otherwise the next"
        " start would undo the change.",
        "Change it in the place that the detail names, or remove it there and make it here.",
    ),
    Code.CONFLICT: Meaning(
        409,
        "What is there stands against it",
        "The change is right in itself but doesn't fit what is there, such as removing what something else needs.",
        "Change first what the detail names.",
    ),
    Code.STALE: Meaning(
        412,
        "It was changed meanwhile",
        "The object isn't what it was when it was read: its version isn't the one in `If-Match`.",
        "Read it again, look at what has changed, and repeat the change on that.",
    ),
    Code.BODY_TOO_LARGE: Meaning(
        413,
        "The body is too large",
        "A document may have 64 MiB, every other body 1 MiB.",
        "Send less at once.",
    ),
    Code.MEDIA_TYPE: Meaning(
        415,
        "The body is of another type",
        "Bodies are `application/json`; a PATCH may say `application/merge-patch+json`, a document `application/yaml`.",
        "Set `Content-Type` to what the body is.",
    ),
    Code.INVALID: Meaning(
        422,
        "The change can't be applied",
        "The configuration as it would be is faulty; nothing was changed. `problems` has everything that is wrong.",
        "Correct every problem that is listed; `?dry_run=true` tells without changing anything.",
    ),
    Code.VERSION_MISSING: Meaning(
        428,
        "The change doesn't say what it is based on",
        "Something that exists is changed or removed only by who has seen it as it is, so that nobody's change gets"
        " lost unseen.",
        "Read it and send its `ETag` as `If-Match`.",
    ),
    Code.TOO_MANY_ATTEMPTS: Meaning(
        429,
        "Too many log-ins have failed",
        "After some failures each further attempt from this address has to wait, twice as long each time.",
        "Wait as long as `Retry-After` says. From an address without failures a log-in works at once.",
    ),
    Code.INTERNAL: Meaning(
        500,
        "A fault of Exeat",
        "Something happened that Exeat doesn't expect; the log of the control process has it under the request's id.",
        "Report it, with the line of the log.",
    ),
    Code.AUDIT_UNAVAILABLE: Meaning(
        503,
        "The change can't be recorded",
        "Every change has a record in the audit trail before it is made. That record can't be written now, so nothing"
        " was changed.",
        "See the disk that holds the data directory, and the log of the control process.",
    ),
    Code.DATABASE_UNAVAILABLE: Meaning(
        503,
        "The database can't be used now",
        "The database is away, busy or full. Traffic goes on with the configuration that is in force.",
        "Repeat the request later; if this stays, see the database.",
    ),
    Code.OVERLOADED: Meaning(
        503,
        "Too much at once",
        "More log-ins are being checked than this process has memory for, more changes wait than are made in time, or"
        " more is followed, looked for or exported at once than one process does.",
        "Repeat the request later.",
    ),
}
