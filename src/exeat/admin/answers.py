"""What answers look like: one class for each, of which the OpenAPI document is made; tests hold answers to them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RoleWord = Literal["viewer", "operator", "administrator"]
Time = Annotated[str, Field(description="RFC 3339, in UTC.", json_schema_extra={"format": "date-time"})]
Data = Annotated[Any, Field(description="The object as it is written in the document.")]


class Answer(BaseModel):
    """A JSON object with these members and no other."""

    model_config = ConfigDict(extra="forbid")


class ProblemAt(Answer):
    """One thing that is wrong, or a warning."""

    pointer: str = Field(description="Where in the body: a JSON pointer (RFC 6901); empty where it is elsewhere.")
    message: str = Field(description="What is wrong, and what to do.")
    path: str = Field(description="Where in the document, as `exeat check` prints it.")
    source: str = Field(description="Where that was written.")


class Problem(Answer):
    """A failure (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="The failure's name, also in the field `Exeat-Error`.")
    hint: str
    request_id: str
    retry_after: int | None = Field(default=None, description="Seconds.")
    problems: list[ProblemAt] | None = Field(default=None, description="Everything that is wrong with the body.")


class ErrorPage(Answer):
    """What a code means."""

    code: str
    status: int
    title: str
    explanation: str
    hint: str


class ChangeShown(Answer):
    """One change of one object, without secrets."""

    kind: str
    name: str
    action: str
    before: Any = Field(description="As it was; null if it wasn't there.")
    after: Any = Field(description="As it is now; null if it is gone.")


class Preview(Answer):
    """What a change would do; the answer to `?dry_run=true`."""

    problems: list[ProblemAt]
    warnings: list[ProblemAt]
    changes: list[ChangeShown]


class Warned(Answer):
    """What every change answers with."""

    warnings: list[ProblemAt] = Field(default=[], description="What is allowed but probably not meant; after changes.")


class Object(Warned):
    """An upstream, destination, consumer or section, wherever it is written."""

    name: str
    source: str = Field(description="`database`, `environment`, or `file exeat.yaml:12`.")
    read_only: bool = Field(description="Whether it can only be changed where it is written.")
    revision: int | None = Field(description="Its version, which is its ETag too; null outside of the database.")
    data: Data


class Objects(Answer):
    """A page of objects, by name."""

    items: list[Object]
    next: str | None = Field(description="What `after` has to be for the next page.")


class Credential(Warned):
    """A secret of the vault, without its value."""

    name: str
    version: int = Field(description="How often it was set; its ETag too.")
    changed_at: Time
    changed_by: str
    used_by: list[str] = Field(description="The objects that refer to it, such as `upstream/github`.")


class Credentials(Answer):
    """A page of credentials, by name."""

    items: list[Credential]
    next: str | None


class RevisionShort(Answer):
    """A change of the configuration."""

    number: int
    time: Time
    who: str
    why: str
    count: int = Field(description="How many things were changed.")
    summary: list[str] = Field(description="What was changed, such as `update upstream/github`; the first 20.")


class Revision(RevisionShort):
    """A change of the configuration, whole."""

    changes: list[ChangeShown]


class Revisions(Answer):
    """A page of revisions, newest first."""

    items: list[RevisionShort]
    next: str | None


class Applied(Warned):
    """What a document or a rollback has changed."""

    revision: int = Field(description="The configuration's revision now.")
    changes: list[ChangeShown]


class ExplainedPhase(Answer):
    """One phase of a request's life."""

    number: int
    name: str
    outcome: Literal["ok", "report", "refused", "unknown"]
    lines: list[str]


class Explanation(Answer):
    """What would happen to a request: how far it gets, why, and what would leave, without its credential."""

    allowed: bool
    consumer: str | None
    status: int | None = Field(description="Of the refusal.")
    code: str | None = Field(description="Of the refusal.")
    detail: str | None
    hint: str | None
    leaves: list[str]
    phases: list[ExplainedPhase]


class Administrator(Warned):
    """Who may use the admin API."""

    name: str
    role: RoleWord
    disabled: bool
    has_password: bool
    created_at: Time
    revision: int


class Administrators(Answer):
    """A page of administrators, by name."""

    items: list[Administrator]
    next: str | None


class Token(Warned):
    """An administrator's token, without its text."""

    id: str
    administrator: str
    role: RoleWord
    label: str
    state: Literal["active", "expired", "revoked"]
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None


class NewToken(Token):
    """A token as it is made: the only answer that holds its text."""

    token: str = Field(description="The token; it isn't kept, and is never shown again.")


class Tokens(Answer):
    """A page of tokens, by id."""

    items: list[Token]
    next: str | None


class Session(Answer):
    """Who asks."""

    administrator: str
    role: RoleWord
    way: Literal["session", "token", "local"]
    expires_at: Time | None


class Records(Answer):
    """A page of records, newest first."""

    items: list[dict[str, Any]]
    next: str | None


class UsageOf(Answer):
    """What one group has used."""

    labels: dict[str, str | int] = Field(description="What it is counted by.")
    start: Time | None = Field(description="Where its step begins; null without steps.")
    requests: int
    errors: int
    bytes_in: int
    bytes_out: int
    attempts: int
    costs: dict[str, str] = Field(description="Amounts by currency.")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Usage(Answer):
    """What was used in a range of time."""

    since: Time
    until: Time
    items: list[UsageOf]


class Told(Answer):
    """What became of a message to a webhook."""

    delivered: bool = Field(description="Whether it was answered with 2xx.")
    status: int | None = Field(description="The status of the answer; null without one.")
    reason: str | None = Field(description="Why there is no answer; null if there is one.")


class HeldByHand(Answer):
    """What an operator has said of an endpoint."""

    since: Time
    until: Time | None = Field(description="When it ends by itself; null for when it is taken back.")
    by: str
    why: str


class EndpointState(Answer):
    """How an endpoint is. What the workers of this gateway know is null where none runs."""

    endpoint: str = Field(description="Its URL.")
    state: Literal["well", "recovering", "resting", "tripped", "drained"] = Field(
        description="`tripped` and `drained` are said by hand; of what workers know, the worst."
    )
    pending: int | None = Field(description="Calls under way.")
    failures: int | None = Field(description="How many of the latest calls failed.")
    reason: str | None = Field(description="Why it rests.")
    until: Time | None = Field(description="When its rest ends; null if it doesn't rest, or nobody knows.")
    by_hand: HeldByHand | None


class EndpointShown(EndpointState):
    """An endpoint of an upstream."""

    listed: bool = Field(description="Whether the upstream has it now; else only what was said of it is left.")


class Endpoints(Warned):
    """The endpoints of an upstream."""

    upstream: str
    revision: int = Field(description="Of the last change by hand, which is their ETag too; 0 before the first.")
    items: list[EndpointShown]


class RestingEndpoint(EndpointState):
    """An endpoint that isn't well, or is held by hand."""

    upstream: str


class RestingCredential(Answer):
    """A credential of a pool that isn't shown now, or not for everything."""

    upstream: str
    credential: str = Field(description="Its kind, and what it is called within the pool.")
    state: Literal["refused", "limited"] = Field(
        description="Whether the upstream refused it, or its own limits let no call pass."
    )
    status: int | None = Field(description="What it was refused with; null where there was no token to show.")
    part: str | None = Field(description="The part of the upstream that its limits are for; null for all of it.")
    until: Time = Field(description="When it is shown again. One that was refused is tried by one call first.")


class WorkerOf(Answer):
    """How a worker was in the last second."""

    number: int
    pid: int
    in_flight: int = Field(description="Exchanges under way.")
    connections: int = Field(description="Callers' connections.")
    upstream_connections: int = Field(description="Connections to upstreams.")
    draining: bool = Field(description="Whether it only finishes what it has begun; another one has taken its place.")
    ready: bool = Field(description="Whether it takes new calls.")
    records_fail: str | None = Field(description="Why it can't keep records; null while it can.")


class Journal(Answer):
    """Where a writer keeps its records until the database has them."""

    name: str
    segments: int = Field(description="Its files; one or two where nothing waits.")
    stuck: str | None = Field(description="Why its records stay there; null while they are moved.")


class Instance(Answer):
    """A gateway that uses this database."""

    name: str
    last_record_at: Time


class Status(Answer):
    """How the gateway is whose control listener answers, and which others use its database.

    What only a running gateway knows is null where the command line asks without one.
    """

    version: str = Field(description="Exeat's version.")
    time: Time
    revision: int = Field(description="The number of the last change of the configuration.")
    in_force: int | None = Field(description="The number of the last change that every worker here serves by.")
    snapshot: str | None = Field(description="The digest of the whole configuration in force here.")
    problems: list[str] = Field(description="Why what is written now isn't in force.")
    warnings: list[str] = Field(description="What is in force, and probably not meant.")
    instance: str | None = Field(description="The name of this gateway.")
    started_at: Time | None
    uptime_s: float | None
    leaving: bool | None = Field(description="Whether it ends, and takes no new calls.")
    workers: list[WorkerOf] | None = Field(description="Those that serve now.")
    resting: list[RestingEndpoint] = Field(description="The endpoints that aren't well here, or are held by hand.")
    resting_credentials: list[RestingCredential] = Field(description="The credentials of pools that aren't shown now.")
    database: Literal["sqlite", "postgresql"]
    records_stay: str | None = Field(description="Why the database takes no records now; null while it does.")
    journals: list[Journal] | None
    instances: list[Instance] = Field(description="Those with records in the database, the newest first; at most 100.")
