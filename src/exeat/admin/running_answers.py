"""What answers look like that only a running gateway can give: one class for each, as in answers.py."""

from typing import Any, Literal

from pydantic import Field

from exeat.admin.answers import Answer, Time


class Tick(Answer):
    """How much a gateway has had to do in the last ten seconds: the data of the event `tick` of GET /live."""

    time: Time
    in_flight: int = Field(description="Exchanges under way.")
    requests_per_s: float
    errors: dict[str, float] = Field(description="Exeat's own failures a second, by code.")
    upstream_errors: dict[str, float] = Field(description="Failures a second that upstreams answered: `4xx`, `5xx`.")
    p50_ms: float | None = Field(description="How long exchanges took; null where none has ended.")
    p95_ms: float | None
    p99_ms: float | None
    cost: dict[str, str] = Field(description="What exchanges have cost today (UTC), by currency; of every instance.")
    skipped: int = Field(description="Records since the last tick that fit, and weren't sent because they were many.")


class LimitWindow(Answer):
    """The time that a limit is for."""

    unit: Literal["minute", "hour", "day", "week", "month", "year"] | None = Field(
        description="Of the calendar; null for a rate."
    )
    zone: str | None = Field(description="Of the calendar.")
    length_s: float


class Raised(Answer):
    """A higher amount until a time."""

    amount: float
    until: Time


class LimitShown(Answer):
    """A limit, and how it stands."""

    id: str = Field(description="Stays the same while the limit's amount changes.")
    scope: Literal["gateway", "consumer", "key", "upstream", "grant"]
    owner: str = Field(description="Whose it is: a name, of a key its id, of a grant `consumer:target`.")
    name: str
    kind: Literal["rate", "quota", "budget", "concurrency"]
    amount: float = Field(description="In all, an increase included; of a budget, money.")
    currency: str | None
    burst: int | None = Field(description="Of a rate: how many may pass at once.")
    per: str | None = Field(description="What splits it: `consumer`, `key`, `ip`, `header:NAME`; null for one count.")
    window: LimitWindow | None = Field(description="Null for concurrency.")
    left: float | None = Field(description="What is left for all; null where it is split, or nobody knows.")
    left_ratio: float | None = Field(description="The same as a share, 0 to 1.")
    resets_at: Time | None = Field(description="When all of it is there again.")
    mode: Literal["enforce", "report"]
    soft: bool = Field(description="Whether calls pass beyond it, and are only counted.")
    increase: Raised | None


class Limits(Answer):
    """Every limit that is in force."""

    items: list[LimitShown]


class EventTold(Answer):
    """Something that operators were told of."""

    id: str
    type: str = Field(description="Such as `limit.reached` or `circuit.opened`.")
    timestamp: Time
    data: dict[str, Any]


class EventsTold(Answer):
    """What operators were told of since the control process began, newest first."""

    items: list[EventTold]


class Called(Answer):
    """What the gateway answered to a call, or what would happen to it."""

    status: int | None = Field(description="The status of the gateway's answer; null where it was only explained.")
    headers: dict[str, str] = Field(description="The fields of the gateway's answer.")
    answer: Any = Field(description="The envelope, or the problem; null where it was only explained.")
    explanation: dict[str, Any] | None = Field(description="As POST /explain answers it; null where it was sent.")
    duration_ms: float | None


class SettingShown(Answer):
    """A setting of the process."""

    variable: str
    is_set: bool = Field(description="Whether it is written in the environment or `.env`; else it has its default.")
    is_secret: bool
    value: str | None = Field(description="What counts; null for a secret, and where there is none.")
    description: str


class Versions(Answer):
    """What runs here."""

    exeat: str
    python: str
    openssl: str
    sqlite: str


class SettingsShown(Answer):
    """The settings by which this gateway was started."""

    versions: Versions
    items: list[SettingShown]


class FindingShown(Answer):
    """What was looked at, and how it is."""

    name: str
    state: Literal["fine", "odd", "wrong"]
    sentence: str = Field(description="What to do, where it isn't fine.")


class Findings(Answer):
    """What would stop this gateway from working, and how to mend it."""

    items: list[FindingShown]


class Parameter(Answer):
    """What an upstream made from a preset has to say."""

    what: str
    example: str
    default: str | None


class PresetShort(Answer):
    """A well-known API."""

    name: str
    title: str
    url: str
    parameters: dict[str, Parameter]
    secrets: dict[str, str] = Field(description="What is written under `credential`, and what each is.")


class PresetShown(PresetShort):
    """A well-known API, with all that is known of it."""

    siblings: list[str]
    credential: Any = Field(description="As a document has it, `{name}` where a parameter or secret goes.")
    idempotency_key: str | bool | None
    links: list[str | dict[str, str]] = Field(description="As a document has them.")
    limits: list[str] = Field(description="The fields in which it says what is still allowed.")
    verify: str | None = Field(description="The call that shows whether a secret is accepted.")
    unconfirmed: list[str] = Field(description="What no page was seen to say.")
    sources: dict[str, str] = Field(description="The page that says it, of each fact.")


class Presets(Answer):
    """Every preset, by name."""

    items: list[PresetShort]


class UpstreamTested(Answer):
    """What came of a call to an upstream."""

    upstream: str
    method: str
    path: str
    status: int | None = Field(description="What it answered; null where it didn't.")
    accepted: bool = Field(description="Whether it can be reached, and takes the credential as far as that shows.")
    meaning: str
    duration_ms: float


class Place(Answer):
    """Where a chain stands."""

    batch: int
    record: int
    hash: str


class MissingRecords(Answer):
    """Records that a chain has openly left out."""

    first: int
    last: int
    recorded: bool | None = Field(description="Whether a record says so; null where only a part was read.")


class FaultShown(Answer):
    """The first thing that is wrong in a chain."""

    batch: int
    record: int | None
    detail: str


class ChainShown(Answer):
    """What was found in one chain."""

    chain: str
    batches: int
    records: int
    head: Place = Field(description="Kept elsewhere, it shows later whether the chain's end was removed.")
    pruned: int = Field(description="Up to which record it was pruned.")
    missing: list[MissingRecords]
    fault: FaultShown | None


class Verification(Answer):
    """How far a verification of the audit trail is, and what it has found."""

    state: Literal["none", "running", "verified", "faulty", "failed"]
    started_at: Time | None
    ended_at: Time | None
    since: Time | None
    until: Time | None
    done: int = Field(description="Records that were looked at.")
    total: int | None = Field(description="How many there were when it began; null for a part of the trail.")
    chains: list[ChainShown] = Field(description="Once it has ended.")
    reason: str | None = Field(description="Why it failed.")


class SealShown(Answer):
    """The seal of a batch of records."""

    number: int
    first: int = Field(description="The number of its first record.")
    size: int
    oldest: Time | None
    newest: Time | None
    previous: str = Field(description="The hash of the batch before it.")
    hash: str


class ProofShown(Answer):
    """A record's place in the audit trail."""

    id: str
    chain: str
    number: int
    seal: SealShown | None = Field(description="Null where no batch has it: it was inserted, or its seal removed.")
    matches: bool = Field(description="Whether the hash of its batch, computed anew, is that of the seal.")
