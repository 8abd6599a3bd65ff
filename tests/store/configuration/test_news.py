"""What is new of the keys since a revision, for who knows what was there then."""

from contextlib import suppress

import pytest
from sqlalchemy import Engine, update

from exeat.model.secret import Secret
from exeat.model.stored import take_news
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import Edit, editing
from exeat.store.configuration.stored import Mark, gather, read_all, read_mark, read_news
from exeat.store.configuration.tables import revisions
from exeat.store.database import open_database, writing
from tests.store.configuration.edits import NOW_US, Change


@pytest.fixture
def since(engine: Engine, change: Change) -> Mark:
    """The first revision: a consumer with a key."""
    with change() as edit:
        edit.put("consumer", "web", {"grants": []})
        edit.add_key(id="mmmmmmmmmmmm", sha256="00" * 32, consumer="web")
    return read_mark(engine)


def test_news_lead_to_what_is_there(engine: Engine, change: Change, since: Mark) -> None:
    """Keys that were made, changed and taken back in several edits, and administrators that nobody compiles."""
    _, before = read_all(engine)
    for number in range(3):
        with change() as edit:
            edit.add_key(id=f"{'azq'[number]}aaaaaaaaaaa", sha256=f"{number + 1:02}" * 32, consumer="web")
    with change() as edit:
        edit.revoke_key("mmmmmmmmmmmm")
        edit.expire_key("zaaaaaaaaaaa", NOW_US + 5)
        edit.put_administrator("ada", role="viewer")
    news = read_news(engine, since)
    assert news is not None
    mark, after = read_all(engine)
    assert news.mark == mark == read_mark(engine)
    assert take_news(before, news.news) == after
    assert len(news.news.keys) == 4


def test_nothing_new(engine: Engine, since: Mark) -> None:
    """Where there was no edit, there are no news."""
    news = read_news(engine, since)
    assert news is not None
    assert (news.mark, news.news.keys) == (since, ())


def test_where_more_is_different(engine: Engine, change: Change, since: Mark) -> None:
    """Any other object, a secret, or a mark that isn't one of this database: all of it has to be read."""
    with change() as edit:
        edit.revoke_key("mmmmmmmmmmmm")
        edit.put("consumer", "web", {"grants": ["*"]})
    assert read_news(engine, since) is None
    mark = read_mark(engine)
    with change() as edit:
        edit.set_secret("openai", Secret("value"))
    assert read_news(engine, mark) is None
    for mark in (Mark(0, 0), Mark(99, 1), Mark(1, since.time + 1)):
        assert read_news(engine, mark) is None


def test_an_edit_is_based_on_the_one_before(engine: Engine, change: Change, since: Mark) -> None:
    """Whatever edits have left, and whoever made them: what an edit would leave is what reading everything gives."""
    del since

    def check(edit: Edit) -> None:
        assert edit.stored() == gather(edit.connection, edit.revision)

    for number in range(8):
        with change() as edit:
            check(edit)
            edit.add_key(id=f"{number:012}", sha256=f"{number + 1:064}", consumer="web")
            if number == 3:
                edit.put("consumer", "cron", {"grants": []})
            check(edit)
            if number > 4:
                edit.revoke_key(f"{number - 2:012}")
            if number == 6:
                edit.set_secret("openai", Secret("value"))
            if number % 2:
                check(edit)  # otherwise more is changed than was seen
        if number == 5:
            with suppress(ZeroDivisionError), change() as edit:
                edit.revoke_key("000000000000")
                check(edit)
                raise ZeroDivisionError
        if number == 2:
            other = open_database(engine.url.render_as_string(hide_password=False).replace("+psycopg", ""))
            with editing(other, Author("bert"), now_us=NOW_US) as edit:
                edit.revoke_key("000000000001")
                check(edit)
            other.dispose()


def test_a_database_that_went_back(engine: Engine, change: Change, since: Mark) -> None:
    """A revision of the same number that was made at another time is another one."""
    with writing(engine) as connection:
        connection.execute(update(revisions).values(time=since.time - 1))
    assert read_mark(engine) != since
    with change() as edit:
        edit.revoke_key("mmmmmmmmmmmm")
    assert read_news(engine, since) is None
