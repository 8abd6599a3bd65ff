"""Limits and prices in the document: everything that can be wrong with one, at its path and line, with what to do."""

import pytest

from tests.config.conftest import Desk

DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
API = "upstreams: {api: {url: 'https://a.com', price: 0.5 USD}, free: {url: 'https://b.com'}}\n"
LIMIT = "{c: {grants: ['*'], limits: [%s]}}"


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        ("{}", "", "write one of rate, quota, budget and concurrency"),
        ("5/minute", "", "must be a mapping"),
        ("{rate: 5/day, quota: 5/day}", "", "has rate and quota; write an entry for each"),
        ("{rate: 5/day, brst: 5}", ".brst", "did you mean 'burst'?"),
        ("{rate: 5}", ".rate", "is a number alone; write '5/second', or minute, hour, day or a length such as 10s in"),
        ("{rate: '5'}", ".rate", "write '5/second'"),
        ("{rate: 5.5}", ".rate", "as in 100/minute"),
        ("{rate: true}", ".rate", "must be text"),
        ("{rate: many}", ".rate", "as in 100/minute"),
        ("{rate: /minute}", ".rate", "as in 100/minute"),
        ("{rate: 0/minute}", ".rate", "from 1 to"),
        ("{rate: -1/minute}", ".rate", "write a whole number"),
        ("{rate: 1.5/minute}", ".rate", "write a whole number"),
        ("{rate: 5__0/minute}", ".rate", "write a whole number"),
        ("{rate: 5/minutes}", ".rate", "did you mean 'minute'?"),
        ("{rate: 5/month}", ".rate", "write 'quota' in place of 'rate'"),
        ("{rate: 5/10x}", ".rate", "isn't a length of time"),
        ("{rate: 5/0s}", ".rate", "isn't a length of time"),
        ("{rate: 2_000_000/second}", ".rate", "more than a million a second"),
        ("{rate: 9999999999/day}", ".rate", "from 1 to 1000000000"),
        ("{rate: 5/day, burst: 0}", ".burst", "from 1 to"),
        ("{rate: 5/day, burst: true}", ".burst", "write a whole number"),
        ("{rate: 5/day, zone: UTC}", ".zone", "means nothing for a rate, only for a quota or budget"),
        ("{rate: 5/day, price: 1 USD}", ".price", "means nothing for a rate, only for a budget"),
        ("{rate: 5/day, unless_known: refuse}", ".unless_known", "means nothing for a rate"),
        ("{concurrency: 5, soft: true}", ".soft", "means nothing for a concurrency"),
        ("{quota: 5/day, burst: 5}", ".burst", "means nothing for a quota, only for a rate"),
        ("{quota: 5/day, increase: {budget: 5 USD, until: 2030-01-01}}", ".increase", "only for a budget"),
        ("{quota: 5_000}", ".quota", "is a number alone; write '5_000/month', or minute, hour, day, week or year in"),
        ("{quota: 5/second}", ".quota", "write 'rate' in place of 'quota'"),
        ("{quota: 5/10s}", ".quota", "write 'rate' in place of 'quota'"),
        ("{quota: 5/mont}", ".quota", "did you mean 'month'?"),
        ("{quota: 5/day, zone: Europe/Berln}", ".zone", "did you mean 'Europe/Berlin'?"),
        ("{quota: 5/day, zone: ../UTC}", ".zone", "isn't a time zone"),
        ("{quota: 5/day, zone: localtime}", ".zone", "time zone"),
        ("{quota: 5/day, zone: Europe}", ".zone", "isn't a time zone"),
        ("{quota: 5/day, unless_known: pass}", ".unless_known", "write refuse or continue"),
        ("{budget: 5/day}", ".budget", "write an amount and its currency, as in '5 USD/day'"),
        ("{budget: $5/week}", ".budget", "as in '5 USD/week'"),
        ("{budget: 5 USD}", ".budget", "as in '5 USD/day'"),
        ("{budget: 5}", ".budget", "as in '5 USD/day'"),
        ("{budget: 0.5}", ".budget", "as in '0.5 USD/day'"),
        ("{budget: EUR 25/day}", ".budget", "as in '25 EUR/day'"),
        ("{budget: 25EUR/day}", ".budget", "as in '25 EUR/day'"),
        ("{budget: money/day}", ".budget", "as in '25 USD/day'"),
        ("{budget: much}", ".budget", "as in 25 USD/day"),
        ("{budget: 5 XTS/day}", ".budget", "isn't a currency of ISO 4217"),
        ("{budget: 5 USDT/day}", ".budget", "isn't a currency of ISO 4217"),
        ("{budget: 5 usd/day}", ".budget", "write 'USD'"),
        ("{budget: 0 USD/day}", ".budget", "is nothing"),
        ("{budget: -5 USD/day}", ".budget", "isn't an amount"),
        ("{budget: 1e3 USD/day}", ".budget", "isn't an amount"),
        ("{budget: 0.0000000001 USD/day}", ".budget", "isn't an amount"),
        ("{budget: 5_000_000_000 USD/day}", ".budget", "the most that can be counted"),
        ("{budget: 5 USD/second}", ".budget", "isn't one of minute, hour"),
        ("{budget: 5 EUR/day}", ".budget", "is in EUR, but the prices of its upstreams in USD"),
        ("{budget: 5 EUR/day, price: 1 USD}", ".price", "the price is in USD, but the budget in EUR"),
        (
            "{budget: 5 USD/day, price: 6 USD}",
            ".price",
            "one call costs 6 USD, which is more than the whole budget of 5 USD: no such call could pass; raise the",
        ),
        (
            "{budget: 5 USD/day, price: {rules: [{methods: [POST], price: 9 USD}], otherwise: 1 USD}}",
            ".price",
            "a call that rules[0] covers costs 9 USD, which is more than the whole budget of 5 USD",
        ),
        (
            "{budget: 5 USD/day, price: {rules: [{methods: [POST], price: 9 USD}], otherwise: 8 USD}}",
            ".price",
            "rules[0] covers costs 9 USD and one that no rule covers costs 8 USD ('otherwise'), which is more than",
        ),
        (
            "{budget: 5 USD/day, increase: {budget: 5 USD, until: 2030-01-01}}",
            ".increase",
            "isn't more than the budget itself, 5 USD; write a higher amount",
        ),
        (
            "{budget: 5 USD/day, increase: {budget: 6 EUR, until: 2030-01-01}}",
            ".increase",
            "is in EUR, but the budget in USD; write it in USD too, as in 10 USD",
        ),
        (
            "{budget: 5 USD/day, increase: {budget: 6 USD/day, until: 2030-01-01}}",
            ".increase.budget",
            "write the amount alone",
        ),
        ("{budget: 5 USD/day, increase: {budget: 6 USD, until: soon}}", ".increase.until", "isn't a time"),
        ("{budget: 5 USD/day, increase: {budget: 6 USD}}", ".increase.until", "is required"),
        ("{concurrency: 0}", ".concurrency", "from 1 to"),
        ("{concurrency: many}", ".concurrency", "write a whole number"),
        ("{concurrency: 5, queue: 5}", ".queue", "means nothing without 'wait'"),
        ("{concurrency: 5, wait: 2 seconds}", ".wait", "write a duration"),
        ("{rate: 5/day, name: a b}", ".name", "letters, digits"),
        ("{rate: 5/day, name: ''}", ".name", "is empty"),
        ("{rate: 5/day, mode: observe}", ".mode", "write enforce or report"),
        ("{rate: 5/day, per: consumer}", ".per", "has only one consumer; remove it, or write per: key"),
        ("{rate: 5/day, per: user}", ".per", "isn't one of consumer, key, ip and header:NAME"),
        ("{rate: 5/day, per: 'header:a b'}", ".per", "isn't a field's name"),
        ("{rate: 5/day, per: 'header:'}", ".per", "isn't a field's name"),
        ("{rate: 5/day, per: 'header:Authorization'}", ".per", "holds a secret"),
    ],
)
def test_problem_of_an_entry(desk: Desk, entry: str, path: str, words: str) -> None:
    """Each rule of an entry is named at its path and line, with what to do."""
    lines = desk.problems(f"{API}consumers: {LIMIT % entry}\n")
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"exeat.yaml:2: consumers.c.limits[0]{path}: "), lines
    assert words in lines[0]


@pytest.mark.parametrize(
    ("price", "path", "words"),
    [
        ("{}", "", "write one of call, rules, field, json and megabyte"),
        ("{call: 1 USD, field: X-Cost, reserve: 1 USD}", "", "has call and field"),
        ("5", "", "write an amount and its currency, as in '5 USD'"),
        ("0.5", "", "as in '0.5 USD'"),
        ("USD 5", "", "as in '5 USD'"),
        ("[5 USD]", "", "must be a mapping"),
        ("true", "", "must be a mapping"),
        ("much", "", "as in '0.005 USD'"),
        ("{json: $.a, reserve: 1}", ".reserve", "as in '1 USD'"),
        ("{rules: [{paths: v1/x, price: 1 USD}]}", ".rules[0].paths", "must be a list, as in ['/v1/**']"),
        ("{field: X-Cost, currency: USD}", "", "needs 'reserve'"),
        ("{field: X-Cost, reserve: 0 USD}", ".reserve", "is nothing"),
        ("{field: X-Cost, currency: EUR, reserve: 1 USD}", "", "is in EUR and USD"),
        ("{field: X-Cost, currency: eur, reserve: 1 USD}", ".currency", "write 'EUR'"),
        ("{field: 'X Cost', reserve: 1 USD}", ".field", "isn't a field's name"),
        ("{json: usage.cost, reserve: 1 USD}", ".json", "isn't a JSON path"),
        ("{jsn: $.a, reserve: 1 USD}", ".jsn", "did you mean 'json'?"),
        ("{json: $.a, reserve: 1 USD, factor: 0}", ".factor", "up to 9 digits"),
        ("{json: $.a, reserve: 1 USD, factor: 0.0000000001}", ".factor", "up to 9 digits"),
        ("{json: $.a, reserve: 1 USD, factor: many}", ".factor", "up to 9 digits"),
        ("{megabyte: 1 USD}", "", "needs 'reserve'"),
        ("{megabyte: 1 USD, reserve: 1 USD, factor: 2}", "", "has 'factor'"),
        ("{call: 1 USD, reserve: 1 USD}", "", "has 'reserve'"),
        ("{call: 1 USD, currency: USD}", "", "has 'currency'"),
        ("{call: 1 USD, otherwise: 1 USD}", "", "'otherwise' without 'rules'"),
        ("{rules: []}", "", "empty list of rules"),
        ("{rules: [{price: 1 USD}]}", ".rules[0]", "names neither methods nor paths"),
        ("{rules: [{methods: [GET]}]}", ".rules[0].price", "is required"),
        ("{rules: [{path: [/a], price: 1 USD}]}", ".rules[0].path", "did you mean 'paths'?"),
        ("{rules: [{paths: [a], price: 1 USD}]}", ".rules[0].paths", "begin with '/'"),
        ("{rules: [{methods: [GET], price: 1 USD}], otherwise: 1 EUR}", "", "is in EUR and USD"),
    ],
)
def test_problem_of_a_price(desk: Desk, price: str, path: str, words: str) -> None:
    """Each rule of a price is named at its path, in a budget as in an upstream, and nothing follows from it."""
    budget = desk.problems(f"{API}consumers: {LIMIT % f'{{budget: 9 USD/day, price: {price}}}'}\n")
    upstream = desk.problems(
        f"upstreams: {{a: {{url: 'https://a.com', price: {price}, limits: [{{budget: 9 USD/day}}]}}}}\n"
    )
    assert len(budget) == len(upstream) == 1, (budget, upstream)
    assert budget[0].startswith(f"exeat.yaml:2: consumers.c.limits[0].price{path}: "), budget
    assert upstream[0].startswith(f"exeat.yaml:1: upstreams.a.price{path}: "), upstream
    assert words in budget[0]
    assert words in upstream[0]


@pytest.mark.parametrize(
    ("entries", "path", "words"),
    [
        (
            "{rate: 100/minute}, {rate: 50/hour}",
            "[1].rate",
            "is less than 'rate-minute' lets pass in a shorter time (100/minute)",
        ),
        ("{rate: 50/hour}, {rate: 100/minute}", "[0].rate", "write at least 100"),
        ("{rate: 100/10s}, {rate: 50/minute}", "[1].rate", "(100/10s)"),
        ("{rate: 100/minute}, {quota: 50/day}", "[1].quota", "write at least 100, or lower that one"),
        ("{quota: 100/week}, {quota: 50/month}", "[1].quota", "'quota-week' lets pass in a shorter time (100/week)"),
        (
            "{budget: 9 USD/day, price: 1 USD}, {budget: 5 USD/month, price: 1 USD}",
            "[1].budget",
            "write at least 9 USD",
        ),
        (
            "{rate: 10/minute, burst: 60}, {rate: 50/hour}",
            "[0].burst",
            "can't be met: 'rate-hour' lets only 50 pass (50/hour)",
        ),
        ("{rate: 10/minute, burst: 60}, {quota: 50/day}", "[0].burst", "write at most 50"),
        ("{rate: 1000/hour, burst: 200}, {quota: 100/minute}", "[0].burst", "'quota-minute' lets only 100 pass"),
        ("{rate: 10/minute, per: ip}, {rate: 5/hour, per: ip}", "[1].rate", "is less than"),
        ("{rate: 5/day, name: a}, {quota: 5/day, name: a}", "[1].name", "'a' is also the name of another limit here"),
    ],
)
def test_problem_between_entries(desk: Desk, entries: str, path: str, words: str) -> None:
    """What one entry makes of another is named at the one to change, wherever the list stands."""
    for document, place in (
        (f"limits: [{entries}]\n", "limits"),
        (f"consumers: {LIMIT % entries}\n", "consumers.c.limits"),
        (f"upstreams: {{a: {{url: 'https://a.com', limits: [{entries}]}}}}\n", "upstreams.a.limits"),
        (
            f"{API}consumers: {{c: {{grants: [{{upstream: api, limits: [{entries}]}}]}}}}\n",
            "consumers.c.grants[0].limits",
        ),
        (f"consumers: {{c: {{keys: [{{sha256: {DIGEST}, limits: [{entries}]}}]}}}}\n", "consumers.c.keys[0].limits"),
    ):
        lines = desk.problems(document)
        assert len(lines) == 1, lines
        assert f": {place}{path}: " in lines[0]
        assert words in lines[0]


UPSTREAM = "upstreams: {a: {url: 'https://a.com', %s}}"
PRICED = "upstreams: {a: {url: 'https://a.com', price: 1 USD}, b: {url: 'https://b.com'}}\n"
BUDGET = "limits: [{budget: 5 USD/day}]"
ANYWHERE = "destinations: [a.com]\nconsumers: {c: {grants: [{destination: '*', %s}]}}"
KEY = f"consumers: {{c: {{keys: [{{sha256: {DIGEST}, limits: [%s]}}]}}}}"


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        ("limits: 5", "limits", "must be a list"),
        ("limits: [{rate: 5/day, nam: x}]", "limits[0].nam", "did you mean 'name'?"),
        (BUDGET, "limits[0].budget", "nothing says what a call costs"),
        (f"limits: [{', '.join(['{rate: 5/day}'] * 101)}]", "limits", "more than 100 entries"),
        (UPSTREAM % "limits: {rate: 5/day}", "upstreams.a.limits", "must be a list, as in"),
        (UPSTREAM % BUDGET, "upstreams.a.limits[0].budget", "add 'price' here, as in"),
        (UPSTREAM % f"price: 1 EUR, {BUDGET}", "upstreams.a.limits[0].budget", "the price is in EUR"),
        (
            UPSTREAM % f"price: {{megabyte: 1 USD, reserve: 6 USD}}, {BUDGET}",
            "upstreams.a.limits[0].budget",
            "6 USD are held back for each call ('reserve'), which is more than the whole budget of 5 USD",
        ),
        (
            f"upstreams: {{a: {{url: 'https://a.com', price: 6 USD}}}}\nconsumers: {{c: {{grants: [a], {BUDGET}}}}}",
            "consumers.c.limits[0].budget",
            "at upstream 'a', one call costs 6 USD, which is more than the whole budget of 5 USD",
        ),
        (
            "upstreams: {a: {url: 'https://a.com', price: {rules: [{methods: [GET], price: 6 USD}]}}}\n" + BUDGET,
            "limits[0].budget",
            "at upstream 'a', a call that rules[0] covers costs 6 USD",
        ),
        (
            f"{PRICED}consumers: {{c: {{grants: [b], {BUDGET}}}}}",
            "consumers.c.limits[0].budget",
            "or to an upstream it may call",
        ),
        (
            f"{PRICED}consumers: {{c: {{grants: [{{upstream: b, {BUDGET}}}]}}}}",
            "consumers.c.grants[0].limits[0].budget",
            "nothing says what a call costs",
        ),
        (ANYWHERE % BUDGET, "consumers.c.grants[0].limits[0].budget", "add 'price' here, as in"),
        (
            ANYWHERE % "limits: [{rate: 5/day, per: consumer}]",
            "consumers.c.grants[0].limits[0].per",
            "one grant of a consumer has only one consumer",
        ),
        (
            KEY % "{rate: 5/day, per: key}",
            "consumers.c.keys[0].limits[0].per",
            "one key has only one key; remove it",
        ),
        (KEY % "{rate: 5/our}", "consumers.c.keys[0].limits[0].rate", "'our' isn't a time"),
        (UPSTREAM % "provider: {wait: 5s, limits: 3}", "upstreams.a.provider.limits", "known are mode, wait, queue"),
        (UPSTREAM % "provider: {mode: off}", "upstreams.a.provider.mode", "write heed, report or ignore"),
        ("consumers: {c: {priority: 8}}", "consumers.c.priority", "from 0, which comes first, to 7"),
        ("consumers: {c: {priority: true}}", "consumers.c.priority", "from 0"),
    ],
)
def test_problem_of_a_place(desk: Desk, document: str, path: str, words: str) -> None:
    """Each rule about where a limit stands is named there."""
    lines = desk.problems(document)
    assert len(lines) == 1, lines
    assert f": {path}: " in lines[0]
    assert words in lines[0]


def test_two_grants_of_the_same_share_their_names(desk: Desk) -> None:
    """Limits of several grants for one upstream are told apart: a name that is written twice is a problem."""
    grant = "{upstream: api, methods: [%s], limits: [{rate: 5/day, name: x}]}"
    (line,) = desk.problems(f"{API}consumers: {{c: {{grants: [{grant % 'GET'}, {grant % 'PUT'}]}}}}\n")
    assert ": consumers.c.grants[1].limits[0].name: 'x' is also the name" in line


def test_a_faulty_upstream_is_one_fault(desk: Desk) -> None:
    """Where an upstream is faulty, nobody says that it has no price."""
    upstream = "upstreams: {a: {url: x, price: 1 USD}}\n"
    text = f"{upstream}consumers: {{c: {{grants: [a], {BUDGET}}}}}\n{BUDGET}\n"
    assert [line.split(": ")[1] for line in desk.problems(text)] == ["upstreams.a.url"]


def test_everything_wrong_is_said_at_once(desk: Desk) -> None:
    """Faults of several entries and lists come in one answer, each with its line."""
    lines = desk.problems(
        "limits:\n  - {rate: 5/our}\n  - {quota: 5/day,\n     zone: Mars}\n"
        "upstreams:\n  a:\n    url: https://a.com\n    limits:\n"
        "      - rate: 9/minute\n      - rate: 5/hour\n        zone: UTC\n"
    )
    assert [line.split(": ")[:2] for line in lines] == [
        ["exeat.yaml:2", "limits[0].rate"],
        ["exeat.yaml:4", "limits[1].zone"],
        ["exeat.yaml:10", "upstreams.a.limits[1].rate"],
        ["exeat.yaml:11", "upstreams.a.limits[1].zone"],
    ]


def test_what_a_reference_stands_for_is_not_quoted(desk: Desk) -> None:
    """A limit may come from a variable; what that holds is never shown."""
    document = "limits: [{rate: '${RATE}'}, {name: '${NAME}', rate: 9/day}, {budget: '${MONEY}', price: 1 USD}]\n"
    assert desk.load(document, RATE="5/minute", NAME="n", MONEY="5 USD/day").snapshot.limits[0].amount == 5
    lines = desk.problems(document, {"RATE": "5/s3cr3t", "NAME": "s3cr3t s3cr3t", "MONEY": "s3cr3t USD/day"})
    assert len(lines) == 3
    assert "s3cr3t" not in "".join(lines)
