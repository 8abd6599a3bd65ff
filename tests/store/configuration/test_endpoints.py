"""What operators say of endpoints: kept, told to who follows, and forgotten with its upstream."""

import pytest
from sqlalchemy import Engine

from exeat.model.by_hand import ByHand
from exeat.model.stored import take_news
from exeat.store.configuration.endpoints import list_endpoints
from exeat.store.configuration.revisions import list_revisions, roll_back
from exeat.store.configuration.stored import read_all, read_mark, read_news
from tests.store.configuration.edits import NOW_US, Change

URL = "https://billing-a.internal:8443"
OTHER = "https://billing-b.internal:8443"


def test_what_is_said_last_holds(engine: Engine, change: Change) -> None:
    """Each word takes the place of the one before, with who said it, when and why."""
    with change() as edit:
        edit.hold_endpoint("billing", URL, "tripped", NOW_US + 60_000_000)
    (item,) = list_endpoints(engine, "billing")
    assert (item.state, item.ends_at, item.changed_by, item.why) == ("tripped", NOW_US + 60_000_000, "anna", "a test")
    with change() as edit:
        edit.hold_endpoint("billing", URL, "drained")
        edit.hold_endpoint("billing", OTHER, "drained")
    assert [(one.endpoint, one.state, one.ends_at) for one in list_endpoints(engine)] == [
        (URL, "drained", None),
        (OTHER, "drained", None),
    ]
    with change() as edit:
        edit.restore_endpoint("billing", URL)
    assert [one.state for one in list_endpoints(engine, "billing")] == [None, "drained"]
    assert list_endpoints(engine, "other") == []


def test_every_reset_counts(engine: Engine, change: Change) -> None:
    """A reset has the number of its edit, and a second one another, so that everybody sees both."""
    numbers = []
    for _ in range(2):
        with change() as edit:
            edit.reset_endpoint("billing", URL)
        numbers.append(list_endpoints(engine)[0].last_reset)
    assert numbers == [1, 2]
    assert [one.changes[0].action for one in list_revisions(engine)] == ["reset", "reset"]


@pytest.mark.parametrize("state", ["tripped", "drained"])
def test_the_same_again_is_no_change(engine: Engine, change: Change, state: str) -> None:
    """What holds already, said for the same reason, makes no revision; nor does a restore of nothing."""
    with change() as edit:
        edit.restore_endpoint("billing", URL)
    assert read_mark(engine).number == 0
    for _ in range(2):
        with change() as edit:
            edit.hold_endpoint("billing", URL, state)  # type: ignore[arg-type]
    assert read_mark(engine).number == 1


def test_two_words_of_one_edit(engine: Engine, change: Change) -> None:
    """The last word of an edit counts, and the reset that came before it stays."""
    with change() as edit:
        edit.reset_endpoint("billing", URL)
        edit.hold_endpoint("billing", URL, "drained")
    (item,) = list_endpoints(engine)
    assert (item.state, item.last_reset, item.revision) == ("drained", 1, 1)
    with change() as edit:
        edit.reset_endpoint("billing", URL)
        edit.hold_endpoint("billing", URL, "tripped")
    (item,) = list_endpoints(engine)
    assert (item.state, item.last_reset, item.revision) == ("tripped", 2, 2)


def test_it_is_news(engine: Engine, change: Change) -> None:
    """Who follows needn't read everything anew for it, and finds what is there."""
    with change() as edit:
        edit.put("consumer", "web", {"grants": []})
        edit.add_key(id="mmmmmmmmmmmm", sha256="00" * 32, consumer="web")
    mark, before = read_all(engine)
    with change() as edit:
        edit.hold_endpoint("billing", URL, "tripped", NOW_US + 1_500_000)
        edit.revoke_key("mmmmmmmmmmmm")
    news = read_news(engine, mark)
    assert news is not None
    _, after = read_all(engine)
    assert take_news(before, news.news) == after
    until = NOW_US / 1e6 + 1.5
    assert after.endpoints == (ByHand("billing", URL, "tripped", until, NOW_US / 1e6 + 1, "anna", "a test"),)
    with change() as edit:
        edit.change_key("mmmmmmmmmmmm", label="a key alone")
    news = read_news(engine, news.mark)
    assert news is not None
    assert news.news.endpoints is None
    assert take_news(after, news.news).endpoints == after.endpoints


def test_it_goes_with_its_upstream(engine: Engine, change: Change) -> None:
    """An upstream that is made anew later begins without what was said of the one before."""
    with change() as edit:
        edit.put("upstream", "billing", {"url": URL})
        edit.hold_endpoint("billing", URL, "drained")
        edit.hold_endpoint("other", URL, "drained")
    with change() as edit:
        edit.remove("upstream", "billing")
    assert [one.upstream for one in list_endpoints(engine)] == ["other"]
    changes = [(one.kind, one.name, one.action) for one in list_revisions(engine)[0].changes]
    assert ("endpoint", f"billing {URL}", "delete") in changes


def test_going_back_leaves_it(engine: Engine, change: Change) -> None:
    """A roll-back is of what people have written: an endpoint that is down stays out."""
    with change() as edit:
        edit.put("upstream", "billing", {"url": URL})
    with change() as edit:
        edit.hold_endpoint("billing", URL, "drained")
        edit.put("upstream", "billing", {"url": URL, "via": True})
    with change() as edit:
        roll_back(edit, 1)
    assert [one.state for one in list_endpoints(engine)] == ["drained"]
