"""How each vendor spells what it still allows: answers such as they send, and what is learnt from them."""

from datetime import UTC, datetime

import pytest

from exeat.model.vendors import VENDORS, Vendor
from exeat.policy.provider import LONGEST_NS, PAUSE_NS, Allowance
from tests.policy.test_provider import EPOCH_S, S, allows, answer


def at(seconds: float) -> str:
    """A point in time as RFC 3339 writes it."""
    return datetime.fromtimestamp(EPOCH_S + seconds, UTC).isoformat().replace("+00:00", "Z")


CASES: dict[str, list[tuple[int, list[str], Allowance | None]]] = {
    "Anthropic": [
        (  # 45 are used and come back within 45 s; six of them, one more than remain, within 6 s
            200,
            [
                "anthropic-ratelimit-requests-limit: 50",
                "anthropic-ratelimit-requests-remaining: 5",
                f"anthropic-ratelimit-requests-reset: {at(45)}",
                "anthropic-ratelimit-tokens-limit: 40000",
                "anthropic-ratelimit-tokens-remaining: 12000",
                f"anthropic-ratelimit-tokens-reset: {at(45)}",
            ],
            allows(5, 50, 6 * S),
        ),
        (  # a token is back at once
            200,
            [
                "anthropic-ratelimit-requests-limit: 1000",
                "anthropic-ratelimit-requests-remaining: 999",
                f"anthropic-ratelimit-requests-reset: {at(0)}",
                "anthropic-ratelimit-input-tokens-limit: 60000",
                "anthropic-ratelimit-input-tokens-remaining: 0",
                f"anthropic-ratelimit-input-tokens-reset: {at(60)}",
            ],
            allows(0, 60000, S // 1000, S // 1000),
        ),
        (429, ["retry-after: 17", "anthropic-ratelimit-requests-remaining: 3"], allows(3, None, None, 17 * S)),
        (529, ["retry-after: 3"], allows(None, None, None, 3 * S)),
    ],
    "Atlassian": [
        (
            429,
            [
                "X-RateLimit-Limit: 350",
                "X-RateLimit-Remaining: 0",
                "X-RateLimit-Reset: 2026-03-01T12:05Z",
                "Retry-After: 298",
                "RateLimit-Reason: jira-quota-tenant-based",
            ],
            allows(0, 350, 300 * S, 298 * S),
        ),
        (
            429,
            ["Retry-After: 2", "RateLimit-Reason: jira-burst-based"],
            allows(None, None, None, 2 * S, b"jira-burst-based"),
        ),
    ],
    "AWS": [(400, [], None), (429, [], None)],
    "Azure": [
        (
            200,
            ["x-ms-ratelimit-remaining-subscription-reads: 11999"],
            allows(11999, None, None, bucket=b"subscription-reads"),
        ),
        (429, ["Retry-After: 5"], allows(None, None, None, 5 * S)),
        (202, ["Retry-After: 15"], None),  # how often to ask whether it is done
    ],
    "Azure OpenAI": [
        (429, ["retry-after: 2", "retry-after-ms: 1250"], allows(None, None, None, S * 5 // 4)),
        (429, ["x-ms-retry-after-ms: 80"], allows(None, None, None, 80_000_000)),
        (
            200,
            ["x-ratelimit-limit-tokens: -1", "x-ratelimit-remaining-tokens: -1", "x-ratelimit-reset-tokens: 0"],
            None,
        ),
    ],
    "CircleCI": [
        (
            200,
            [
                "X-RateLimit-Limit-Second: 51",
                "X-RateLimit-Remaining-Second: 40",
                "X-RateLimit-Limit-Minute: 3060",
                "X-RateLimit-Remaining-Minute: 2",
            ],
            allows(2, 3060, 60 * S),
        ),
        (429, ["X-RateLimit-Remaining-Hour: 0", "Retry-After: 90"], allows(0, None, 60 * S, 90 * S)),
        (200, ["X-RateLimit-Remaining-Day: 0"], allows(0, None, 60 * S, 60 * S)),
    ],
    "Cloudflare": [
        (200, ['Ratelimit: "default";r=50;t=30', 'Ratelimit-Policy: "default";q=1200;w=300'], allows(50, 1200, 30 * S)),
        (
            429,
            ['Ratelimit: "default";r=0;t=30', 'Ratelimit-Policy: "default";q=1200;w=300', "retry-after: 31"],
            allows(0, 1200, 30 * S, 31 * S),
        ),
    ],
    "Datadog": [
        (
            429,
            [
                "X-RateLimit-Limit: 100",
                "X-RateLimit-Period: 3600",
                "X-RateLimit-Remaining: 0",
                "X-RateLimit-Reset: 1200",
                "X-RateLimit-Name: timeseries_query",
            ],
            allows(0, 100, 1200 * S, 1200 * S, b"timeseries_query"),
        )
    ],
    "Discord": [
        (
            200,
            [
                "X-RateLimit-Limit: 5",
                "X-RateLimit-Remaining: 0",
                f"X-RateLimit-Reset: {EPOCH_S + 1}.2",
                "X-RateLimit-Reset-After: 1.250",
                "X-RateLimit-Bucket: abcd1234",
            ],
            allows(0, 5, S * 5 // 4, S * 5 // 4, b"abcd1234"),
        ),
        (
            429,
            [
                "Retry-After: 65",
                "X-RateLimit-Global: true",
                "X-RateLimit-Scope: global",
                "X-RateLimit-Bucket: abcd1234",
            ],
            allows(None, None, None, 65 * S),
        ),
    ],
    "GitHub": [
        (
            200,
            [
                "x-ratelimit-limit: 5000",
                "x-ratelimit-remaining: 4999",
                f"x-ratelimit-reset: {EPOCH_S + 1800}",
                "x-ratelimit-used: 1",
                "x-ratelimit-resource: core",
            ],
            allows(4999, 5000, 1800 * S),
        ),
        *(
            (
                status,
                ["x-ratelimit-limit: 5000", "x-ratelimit-remaining: 0", f"x-ratelimit-reset: {EPOCH_S + 1800}"],
                allows(0, 5000, 1800 * S, 1800 * S),
            )
            for status in (403, 429)
        ),
        (
            403,
            ["retry-after: 60", "x-ratelimit-remaining: 4000", "x-ratelimit-resource: search"],
            allows(4000, None, None, 60 * S, b"search"),
        ),
        (403, ["x-ratelimit-remaining: 4000"], allows(4000, None, None)),
    ],
    "GitLab": [
        (
            200,
            [
                "RateLimit-Limit: 600",
                "RateLimit-Observed: 6",
                "RateLimit-Remaining: 594",
                f"RateLimit-Reset: {EPOCH_S + 57}",
            ],
            allows(594, 600, 57 * S),
        ),
        (  # what is counted for all of the API
            429,
            ["RateLimit-Name: throttle_authenticated_api", "RateLimit-Remaining: 0", "Retry-After: 30"],
            allows(0, None, None, 30 * S),
        ),
        (
            429,
            ["RateLimit-Name: throttle_authenticated_packages_api", "RateLimit-Remaining: 0", "Retry-After: 30"],
            allows(0, None, None, 30 * S, b"throttle_authenticated_packages_api"),
        ),
        (  # another limit, of which it tells nothing
            429,
            ["RateLimit-Limit: 600", "RateLimit-Remaining: 595", f"RateLimit-Reset: {EPOCH_S + 60}"],
            allows(595, 600, 60 * S, PAUSE_NS),
        ),
    ],
    "HubSpot": [
        (
            200,
            [
                "X-HubSpot-RateLimit-Max: 100",
                "X-HubSpot-RateLimit-Remaining: 4",
                "X-HubSpot-RateLimit-Interval-Milliseconds: 10000",
                "X-HubSpot-RateLimit-Daily: 250000",
                "X-HubSpot-RateLimit-Daily-Remaining: 249000",
            ],
            allows(4, 100, 10 * S),
        ),
        (
            200,
            ["X-HubSpot-RateLimit-Secondly: 10", "X-HubSpot-RateLimit-Secondly-Remaining: 0"],
            allows(0, 10, S, S),
        ),
    ],
    "IETF draft 11": [
        (
            200,
            [
                'RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400',
                'RateLimit: "burst";r=90;t=17, "daily";r=20;t=1000',
            ],
            allows(20, 1000, 1000 * S),
        ),
        (200, ['RateLimit: "burst";r=0;t=17'], allows(0, None, 17 * S, 17 * S)),
        (200, ["RateLimit: burst;r=3;t=17"], allows(3, None, 17 * S)),  # drafts before 08 wrote tokens
        (200, ['RateLimit: "a";r=3;t=17', 'RateLimit: "b";r=2;t=17'], allows(2, None, 17 * S)),  # lines are one list
        (
            200,
            ['RateLimit-Policy: "bytes";q=65535;qu="content-bytes";w=10', 'RateLimit: "bytes";r=5;t=9'],
            None,  # bytes say nothing of how many calls
        ),
        (
            200,
            ['RateLimit-Policy: "bytes";q=65535;qu="content-bytes";w=10', 'RateLimit: "bytes";r=0;t=9'],
            allows(0, 65535, 9 * S, 9 * S),
        ),
        (200, ['RateLimit: "a";r=1;t=5, '], None),  # malformed: ignored whole
        (200, ['RateLimit: "a";r=-1;t=5'], None),
        (200, ['RateLimit: "a";r=1.5;t=5'], None),
        (200, ['RateLimit: "a";t=5'], None),
        (200, ["RateLimit: 5;r=1"], None),
        (200, ['RateLimit-Policy: "a";q=1'], None),
        (200, ['RateLimit: "a";r=1;t=999999999'], allows(1, None, LONGEST_NS)),
        (200, ["RateLimit: limit=100, remaining=50, reset=30"], allows(50, 100, 30 * S)),  # draft 07
    ],
    "IETF drafts 02 to 06": [
        (200, ["RateLimit-Limit: 100", "RateLimit-Remaining: 50", "RateLimit-Reset: 50"], allows(50, 100, 50 * S)),
        (
            200,
            ["RateLimit-Limit: 10, 10;w=1, 50;w=60", "RateLimit-Remaining: 0", "RateLimit-Reset: 1"],
            allows(0, 10, S, S),
        ),
    ],
    "Linear": [
        (  # a tenth of an hour, within which it all comes back, for one in ten
            200,
            [
                "X-RateLimit-Requests-Limit: 10",
                "X-RateLimit-Requests-Remaining: 0",
                f"X-RateLimit-Requests-Reset: {(EPOCH_S + 3600) * 1000}",
                "X-RateLimit-Complexity-Limit: 250000",
                "X-RateLimit-Complexity-Remaining: 249000",
                f"X-RateLimit-Complexity-Reset: {(EPOCH_S + 10) * 1000}",
            ],
            allows(0, 10, 360 * S, 360 * S),
        ),
        (200, ["X-RateLimit-Endpoint-Requests-Remaining: 0"], None),  # one query's, not the API's
    ],
    "Mistral": [
        (
            200,
            ["x-ratelimit-limit-req-minute: 60", "x-ratelimit-remaining-req-minute: 1"],
            allows(1, 60, 60 * S),
        ),
        (
            429,
            ["x-ratelimit-limit-tokens-minute: 500000", "x-ratelimit-remaining-tokens-minute: 0"],
            allows(0, 500000, 60 * S, 60 * S),
        ),
    ],
    "OpenAI": [
        (
            200,
            [
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 59",
                "x-ratelimit-reset-requests: 1s",
                "x-ratelimit-limit-tokens: 150000",
                "x-ratelimit-remaining-tokens: 149984",
                "x-ratelimit-reset-tokens: 6m0s",
            ],
            allows(59, 60, S),
        ),
        (
            429,
            ["x-ratelimit-limit-requests: 3", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 6m0s"],
            allows(0, 3, 120 * S, 120 * S),  # one in three is back after a third of the time
        ),
        (200, ["x-ratelimit-remaining-requests: 2", "x-ratelimit-reset-requests: 20ms"], allows(2, None, 20_000_000)),
        (
            429,
            ["x-ratelimit-remaining-project-tokens: 0", "x-ratelimit-reset-project-tokens: 2s"],
            allows(0, None, 2 * S, 2 * S),
        ),
    ],
    "Salesforce": [
        (200, ["Sforce-Limit-Info: api-usage=18/5000"], allows(4982, 5000, None)),
        (
            200,
            ["Sforce-Limit-Info: api-usage=25/5000; per-app-api-usage=17/250(appName=sample)"],
            allows(4975, 5000, None),
        ),
    ],
    "Sentry": [
        (
            429,
            [
                "X-Sentry-Rate-Limit-Limit: 40",
                "X-Sentry-Rate-Limit-Remaining: 0",
                f"X-Sentry-Rate-Limit-Reset: {EPOCH_S + 1}",
                "X-Sentry-Rate-Limit-ConcurrentLimit: 25",
                "X-Sentry-Rate-Limit-ConcurrentRemaining: 24",
            ],
            allows(0, 40, S, S),
        )
    ],
    "Shopify": [
        (200, ["X-Shopify-Shop-Api-Call-Limit: 32/40"], allows(8, 40, None)),
        (429, ["X-Shopify-Shop-Api-Call-Limit: 40/40", "Retry-After: 2.0"], allows(0, 40, None, 2 * S)),
        (200, ["X-Shopify-Shop-Api-Call-Limit: many"], None),
    ],
    "Slack": [(429, ["Retry-After: 30"], allows(None, None, None, 30 * S))],
    "Stripe": [
        (
            429,
            ["Stripe-Rate-Limited-Reason: endpoint-concurrency"],
            allows(None, None, None, PAUSE_NS, b"endpoint-concurrency"),
        ),
        (429, ["Stripe-Rate-Limited-Reason: global-rate"], allows(None, None, None, PAUSE_NS)),
        (429, [], None),
    ],
    "X": [
        (
            200,
            ["x-rate-limit-limit: 900", "x-rate-limit-remaining: 847", f"x-rate-limit-reset: {EPOCH_S + 900}"],
            allows(847, 900, 900 * S),
        )
    ],
    "Zendesk": [
        (
            200,
            [
                "x-rate-limit: 700",
                "ratelimit-limit: 700",
                "x-rate-limit-remaining: 9",
                "ratelimit-remaining: 9",
                "ratelimit-reset: 41",
            ],
            allows(9, 700, 41 * S),
        ),
        (429, ["Retry-After: 93"], allows(None, None, None, 93 * S)),
    ],
    "Zoom": [
        (
            429,
            [
                "X-RateLimit-Category: Heavy",
                "X-RateLimit-Type: Daily-limit",
                "X-RateLimit-Limit: 60000",
                "X-RateLimit-Remaining: 0",
                "Retry-After: 2026-03-01T12:30:00Z",
            ],
            allows(0, 60000, None, 1800 * S, b"Heavy"),
        )
    ],
}
ROWS = [(name, *case) for name, cases in CASES.items() for case in cases]


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_every_vendor_has_a_case(vendor: Vendor) -> None:
    """Each row of the table is tested with an answer such as it sends."""
    assert CASES[vendor.name]


@pytest.mark.parametrize(
    ("status", "lines", "learnt"),
    [row[1:] for row in ROWS],
    ids=[f"{row[0]}-{number}" for number, row in enumerate(ROWS)],
)
def test_what_a_vendor_says(status: int, lines: list[str], learnt: Allowance | None) -> None:
    """Each spelling is understood, in whatever order its fields come."""
    assert answer(status, *lines) == learnt
    if not any(line.startswith("RateLimit:") for line in lines):
        assert answer(status, *reversed(lines)) == learnt
