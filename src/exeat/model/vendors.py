"""Where the providers of APIs say what they still allow: names of fields, what they count, when they start again.

Each row of VENDORS names the page that it was taken from. How a time is written (`reset`) is told for the reader of the
table: it is judged by its form, since the same name means different things at different vendors.
Names are in lower case.
"""

from dataclasses import dataclass
from typing import Final, Literal

from exeat.model.limit import SECOND_NS

Counted = Literal["requests", "other"]


@dataclass(frozen=True, slots=True)
class Spelling:
    """Fields that belong together; where there are two names for one thing, the first that is there counts.

    `counts`: whether calls are counted, or something that isn't known before a call (tokens). `refills`: it comes back
    little by little, and what is called reset is when all of it is there. `usage` is one field that says `used/limit`,
    before which may stand what that is the use of (`api-usage=18/5000`).
    `window_ns` stands in for a time to start again. `bucket` names the part of the API that it is for.
    """

    name: str
    limit: tuple[bytes, ...] = ()
    remaining: tuple[bytes, ...] = ()
    reset: tuple[bytes, ...] = ()
    counts: Counted = "requests"
    refills: bool = False
    usage: bytes | None = None
    window_ns: int | None = None
    is_in_ms: bool = False
    bucket: bytes = b""

    @property
    def fields(self) -> tuple[bytes, ...]:
        """All of its names."""
        return (*self.limit, *self.remaining, *self.reset, *(() if self.usage is None else (self.usage,)))


Reset = Literal["seconds", "epoch seconds", "epoch milliseconds", "date", "duration", "milliseconds", "none"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider, the page that describes its limits, and how it spells them."""

    name: str
    source: str
    spellings: tuple[Spelling, ...]
    reset: Reset


def _openai(unit: bytes, counts: Counted) -> Spelling:
    return Spelling(
        f"x-ratelimit-*-{unit.decode()}",
        (b"x-ratelimit-limit-" + unit,),
        (b"x-ratelimit-remaining-" + unit,),
        (b"x-ratelimit-reset-" + unit,),
        counts,
        refills=True,
    )


def _anthropic(unit: bytes, counts: Counted) -> Spelling:
    name = b"anthropic-ratelimit-" + unit
    return Spelling(
        name.decode() + "-*", (name + b"-limit",), (name + b"-remaining",), (name + b"-reset",), counts, refills=True
    )


def _circleci(unit: bytes, seconds: int) -> Spelling:
    """When a window began isn't told: it is asked again within a minute, however long the window is."""
    return Spelling(
        f"x-ratelimit-*-{unit.decode()}",
        (b"x-ratelimit-limit-" + unit,),
        (b"x-ratelimit-remaining-" + unit,),
        window_ns=seconds * SECOND_NS,
    )


def _linear(unit: bytes, counts: Counted) -> Spelling:
    name = b"x-ratelimit-" + unit
    return Spelling(
        name.decode() + "-*", (name + b"-limit",), (name + b"-remaining",), (name + b"-reset",), counts, refills=True
    )


def _azure(kind: bytes) -> Spelling:
    name = b"x-ms-ratelimit-remaining-" + kind
    return Spelling(name.decode(), remaining=(name,), bucket=kind)


_MISTRAL_COUNTS: Final[tuple[tuple[bytes, Counted], ...]] = ((b"req", "requests"), (b"tokens", "other"))

# RateLimit and RateLimit-Policy are structured fields, which are read apart.
STRUCTURED: Final = b"ratelimit"
STRUCTURED_POLICY: Final = b"ratelimit-policy"
DRAFT: Final = Spelling("RateLimit, RateLimit-Policy", reset=(STRUCTURED,), limit=(STRUCTURED_POLICY,))

RATELIMIT: Final = Spelling("ratelimit-*", (b"ratelimit-limit",), (b"ratelimit-remaining",), (b"ratelimit-reset",))
X_RATELIMIT: Final = Spelling(
    "x-ratelimit-*",
    (b"x-ratelimit-limit",),
    (b"x-ratelimit-remaining",),
    (b"x-ratelimit-reset-after", b"x-ratelimit-reset"),
)
X_RATE_LIMIT: Final = Spelling(
    "x-rate-limit-*",
    (b"x-rate-limit-limit", b"x-rate-limit"),
    (b"x-rate-limit-remaining",),
    (b"x-rate-limit-reset",),
)
OPENAI: Final = (_openai(b"requests", "requests"), _openai(b"tokens", "other"), _openai(b"project-tokens", "other"))
CIRCLECI: Final = (
    _circleci(b"second", 1),
    _circleci(b"minute", 60),
    _circleci(b"hour", 60),
    _circleci(b"day", 60),
)
LINEAR: Final = (_linear(b"requests", "requests"), _linear(b"complexity", "other"))
MISTRAL: Final = tuple(
    Spelling(
        f"x-ratelimit-*-{unit.decode()}-minute",
        (b"x-ratelimit-limit-" + unit + b"-minute",),
        (b"x-ratelimit-remaining-" + unit + b"-minute",),
        counts=counts,
        window_ns=60 * SECOND_NS,
    )
    for unit, counts in _MISTRAL_COUNTS
)
SALESFORCE: Final = Spelling("sforce-limit-info", usage=b"sforce-limit-info")
SENTRY: Final = Spelling(
    "x-sentry-rate-limit-*",
    (b"x-sentry-rate-limit-limit",),
    (b"x-sentry-rate-limit-remaining",),
    (b"x-sentry-rate-limit-reset",),
)
ANTHROPIC: Final = (
    _anthropic(b"requests", "requests"),
    _anthropic(b"tokens", "other"),
    _anthropic(b"input-tokens", "other"),
    _anthropic(b"output-tokens", "other"),
)
AZURE: Final = tuple(
    _azure(scope + b"-" + kind)
    for scope in (b"subscription", b"subscription-global", b"tenant")
    for kind in (b"reads", b"writes", b"deletes")
)
SHOPIFY: Final = Spelling("x-shopify-shop-api-call-limit", usage=b"x-shopify-shop-api-call-limit")
HUBSPOT: Final = (
    Spelling(
        "x-hubspot-ratelimit-*",
        (b"x-hubspot-ratelimit-max",),
        (b"x-hubspot-ratelimit-remaining",),
        (b"x-hubspot-ratelimit-interval-milliseconds",),
        is_in_ms=True,
    ),
    Spelling(
        "x-hubspot-ratelimit-secondly-*",
        (b"x-hubspot-ratelimit-secondly",),
        (b"x-hubspot-ratelimit-secondly-remaining",),
        window_ns=SECOND_NS,
    ),
    Spelling("x-hubspot-ratelimit-daily-*", (b"x-hubspot-ratelimit-daily",), (b"x-hubspot-ratelimit-daily-remaining",)),
)

VENDORS: Final = (
    Vendor("Anthropic", "https://docs.anthropic.com/en/api/rate-limits", ANTHROPIC, "date"),
    Vendor("Atlassian", "https://developer.atlassian.com/cloud/jira/platform/rate-limiting/", (X_RATELIMIT,), "date"),
    Vendor("AWS", "https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html", (), "none"),
    Vendor(
        "Azure",
        "https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/request-limits-and-throttling",
        AZURE,
        "none",
    ),
    Vendor(
        "Azure OpenAI", "https://learn.microsoft.com/en-us/azure/ai-services/openai/quotas-limits", OPENAI, "seconds"
    ),
    Vendor("CircleCI", "https://circleci.com/docs/guides/toolkit/api-developers-guide/", CIRCLECI, "none"),
    Vendor("Cloudflare", "https://developers.cloudflare.com/fundamentals/api/reference/limits/", (DRAFT,), "seconds"),
    Vendor("Datadog", "https://docs.datadoghq.com/api/latest/rate-limits/", (X_RATELIMIT,), "seconds"),
    Vendor("Discord", "https://docs.discord.com/developers/topics/rate-limits", (X_RATELIMIT,), "seconds"),
    Vendor(
        "GitHub",
        "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        (X_RATELIMIT,),
        "epoch seconds",
    ),
    Vendor(
        "GitLab",
        "https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/",
        (RATELIMIT,),
        "epoch seconds",
    ),
    Vendor("HubSpot", "https://developers.hubspot.com/docs/api/usage-details", HUBSPOT, "milliseconds"),
    Vendor(
        "IETF draft 11",
        "https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/",
        (DRAFT,),
        "seconds",
    ),
    Vendor(
        "IETF drafts 02 to 06",
        "https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/05/",
        (RATELIMIT,),
        "seconds",
    ),
    Vendor("Linear", "https://linear.app/developers/rate-limiting", LINEAR, "epoch milliseconds"),
    Vendor("Mistral", "https://docs.mistral.ai/admin/billing-usage/usage-limits", MISTRAL, "none"),
    Vendor("OpenAI", "https://platform.openai.com/docs/guides/rate-limits", OPENAI, "duration"),
    Vendor(
        "Salesforce",
        "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm",
        (SALESFORCE,),
        "none",
    ),
    Vendor("Sentry", "https://docs.sentry.io/api/ratelimits/", (SENTRY,), "epoch seconds"),
    Vendor("Shopify", "https://shopify.dev/docs/api/admin-rest/usage/rate-limits", (SHOPIFY,), "none"),
    Vendor("Slack", "https://docs.slack.dev/apis/web-api/rate-limits", (), "none"),
    Vendor("Stripe", "https://docs.stripe.com/rate-limits", (), "none"),
    Vendor("X", "https://docs.x.com/fundamentals/rate-limits", (X_RATE_LIMIT,), "epoch seconds"),
    Vendor(
        "Zendesk",
        "https://developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting",
        (X_RATE_LIMIT, RATELIMIT),
        "seconds",
    ),
    Vendor("Zoom", "https://developers.zoom.us/docs/api/rate-limits/", (X_RATELIMIT,), "date"),
)

# How long to wait, in the order of trust; and whether in milliseconds.
WAITS: Final = (
    (b"retry-after-ms", True),
    (b"x-ms-retry-after-ms", True),
    (b"retry-after", False),
    (b"x-ratelimit-retry-after", False),
)

# Fields that name the part of the API that a limit is for, and the values that mean all of it.
BUCKETS: Final = (
    (b"x-ratelimit-bucket", frozenset[bytes]()),  # Discord
    (b"x-ratelimit-resource", frozenset({b"core"})),  # GitHub
    (b"stripe-rate-limited-reason", frozenset({b"global-rate", b"global-concurrency"})),
    (b"x-ratelimit-name", frozenset[bytes]()),  # Datadog
    (b"x-ratelimit-category", frozenset[bytes]()),  # Zoom
    (b"ratelimit-name", frozenset({b"throttle_authenticated_api"})),  # GitLab
    (b"ratelimit-reason", frozenset({b"jira-quota-global-based", b"jira-quota-tenant-based"})),
)
# Fields and values by which Discord says that a limit is for all of the API, whatever its bucket.
EVERYWHERE: Final = ((b"x-ratelimit-global", b"true"), (b"x-ratelimit-scope", b"global"))

SPELLINGS: Final = {
    field: spelling
    for vendor in VENDORS
    for spelling in vendor.spellings
    if spelling is not DRAFT
    for field in spelling.fields
}
FIELDS: Final = frozenset(
    {
        *SPELLINGS, STRUCTURED, STRUCTURED_POLICY, *(name for name, _ in WAITS), *(name for name, _ in BUCKETS),
        *(name for name, _ in EVERYWHERE),
    }
)  # fmt: skip
