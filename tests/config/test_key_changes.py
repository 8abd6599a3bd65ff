"""The short way of a change of keys alone: it ends where the long one does, or isn't taken."""

import random
from dataclasses import replace

import pytest

from exeat.config.compile import Loaded
from exeat.config.handover import dumps, loads, parse_changes, render_changes
from exeat.config.kept import parse_news, render_news
from exeat.config.key_changes import MOST, load_keys
from exeat.model.by_hand import ByHand
from exeat.model.key_changes import change_keys
from exeat.model.stored import KeyNews, Stored, StoredKey, take_news
from tests.config.conftest import Desk

TEXT = f"""
upstreams: {{api: {{url: 'https://api.example'}}}}
consumers:
  here:
    grants: [api]
    keys: [{{sha256: {"fe" * 32}}}, {{id: bbbbbbbbbb09, sha256: {"fd" * 32}, networks: [10.0.0.0/8]}}]
"""
DOCUMENT = {"consumers": {"there": {"grants": ["*"]}, "empty": {"grants": []}}}
DRAINED = ByHand("api", "https://api.example", "drained", None, 1.25, "ada", "a new disk", 3)
LIMITS = ({"rate": "5/minute"},)


def key(number: int, consumer: str = "here", **others: object) -> StoredKey:
    """A key of the database."""
    return StoredKey(f"aaaaaaaaaa{number:02}", f"{number:064x}", consumer, **others)  # type: ignore[arg-type]


FIRST = Stored(3, DOCUMENT, tuple(key(number, "there" if number % 3 else "here") for number in range(10, 16)))


@pytest.fixture
def loaded(desk: Desk) -> Loaded:
    """What is in force first."""
    return load(desk, FIRST)


def load(desk: Desk, stored: Stored) -> Loaded:
    """The long way."""
    desk.stored = stored
    return desk.load(TEXT)


def having(*keys: StoredKey) -> Stored:
    """What the database holds with these keys in place of those of the same ids, or beside them."""
    return take_news(FIRST, KeyNews(FIRST.revision, FIRST.revision + 1, keys))


def lacking(*ids: str) -> Stored:
    """What the database holds without these keys."""
    return replace(FIRST, revision=4, keys=tuple(one for one in FIRST.keys if one.id not in ids))


@pytest.mark.parametrize(
    "after",
    [
        having(key(20)),
        having(key(20, "empty"), key(1, "there", expires_at=1.5, networks=("10.0.0.0/8", "::1"))),
        having(key(12, revoked=True), key(13, "there", expires_at=1_800_000_000.25)),
        having(key(12, networks=("192.0.2.1",))),
        lacking("aaaaaaaaaa12", "aaaaaaaaaa14"),
        replace(FIRST, revision=9),
        replace(FIRST, revision=4, endpoints=(DRAINED,)),
        replace(having(key(20)), endpoints=(DRAINED, ByHand("api", "https://other.example", reset=4))),
        replace(FIRST, revision=4, endpoints=(ByHand("gone", "https://gone.example", "tripped", 1.5),)),
    ],
)
def test_both_ways_end_alike(desk: Desk, loaded: Loaded, after: Stored) -> None:
    """What the short way gives is what the long one does: snapshot, document, digest and all."""
    step = load_keys(loaded, FIRST, after)
    assert step is not None
    assert step.loaded == load(desk, after)


def test_any_row_of_changes(desk: Desk, loaded: Loaded) -> None:
    """After any row of changes, one made from the other, a worker that began with the first snapshot has the last."""
    rng = random.Random(7)  # noqa: S311 - which changes are made is no secret
    stored, there = FIRST, loads(dumps(loaded.snapshot))
    for _ in range(60):
        fresh = []
        for number in rng.sample(range(40), rng.randint(0, 3)):
            known = next((one for one in stored.keys if one.id == key(number).id), None)
            consumer = rng.choice(["here", "there", "empty"]) if known is None else known.consumer
            ends = rng.choice([None, 1_800_000_000.0 + number])
            fresh.append(key(number, consumer, revoked=rng.random() < 0.3, expires_at=ends))
        said = rng.choice([None, (), (DRAINED,), (replace(DRAINED, state=None, reset=rng.randint(0, 3)),)])
        news = KeyNews(stored.revision, stored.revision + 1, tuple(fresh), said)
        after = take_news(stored, parse_news(render_news(news)))
        step = load_keys(loaded, stored, after)
        assert step is not None
        assert step.changes is not None
        there = change_keys(there, parse_changes(render_changes(step.changes)))
        loaded, stored = step.loaded, after
        assert there == loaded.snapshot
    assert loaded == load(desk, stored)


@pytest.mark.parametrize(
    "after",
    [
        having(key(20, "nobody")),  # a consumer that is nowhere
        having(key(20, networks=("here",))),  # what is wrong
        having(key(20, networks=("${NET}",))),  # what stands for something
        having(key(20, limits=LIMITS)),  # what has to be compiled with the rest
        having(key(12, limits=LIMITS)),
        having(replace(key(20), sha256="fe" * 32)),  # the digest of a key of the file
        having(replace(key(20), sha256=key(12).sha256)),  # and of the database
        having(replace(key(20), id="bbbbbbbbbb09")),  # the id of a key of the file
        having(key(20), replace(key(21), sha256=key(20).sha256)),  # two alike at once
        having(key(12, "there")),  # another owner
        having(*(key(number, "there") for number in range(20, 21 + MOST))),
        replace(FIRST, document={**DOCUMENT, "destinations": ["a.example"]}),
        replace(FIRST, vault={"name": b"value"}),
    ],
)
def test_the_long_way(loaded: Loaded, after: Stored) -> None:
    """What isn't a plain change of few keys is left to the long way, which finds what is wrong."""
    assert load_keys(loaded, FIRST, after) is None


def test_limits_stay(desk: Desk) -> None:
    """A key with limits may be taken back the short way: its limits are what they were."""
    before = having(key(20, limits=LIMITS))
    after = take_news(before, KeyNews(before.revision, before.revision + 1, (key(20, limits=LIMITS, revoked=True),)))
    loaded = load(desk, before)
    step = load_keys(loaded, before, after)
    assert step is not None
    assert step.loaded == load(desk, after)
    assert step.loaded.snapshot.keys[bytes.fromhex(key(20).sha256)].limits


def test_changes_of_another_snapshot(loaded: Loaded) -> None:
    """Changes fit the one snapshot and news the one revision that they were made for."""
    step = load_keys(loaded, FIRST, having(key(20)))
    assert step is not None
    assert step.changes is not None
    with pytest.raises(ValueError, match="don't fit"):
        change_keys(step.loaded.snapshot, step.changes)
    with pytest.raises(ValueError, match="don't fit"):
        take_news(FIRST, KeyNews(FIRST.revision + 1, FIRST.revision + 2, ()))


def test_what_was_said_is_a_revision_of_its_own(desk: Desk, loaded: Loaded) -> None:
    """Each word about an endpoint makes another revision; where nothing is said any more it is the one from before."""
    words = [DRAINED, replace(DRAINED, state="tripped"), replace(DRAINED, until=5.0), replace(DRAINED, reset=4)]
    found = {load(desk, replace(FIRST, endpoints=(word,))).snapshot.revision for word in words}
    assert len(found | {loaded.snapshot.revision}) == len(words) + 1
    nothing = replace(FIRST, endpoints=(ByHand("api", "https://api.example"),))
    assert load(desk, nothing).snapshot.revision == loaded.snapshot.revision
