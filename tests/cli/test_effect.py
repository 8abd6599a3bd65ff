"""What a change would make of the whole: the file is read when it is different, and keys alone are soon judged."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from exeat.cli.control import effect as module
from exeat.cli.control.effect import Effect
from exeat.config.settings import read_settings
from exeat.model.stored import Stored, StoredKey

FILE = "upstreams: {{api: {{url: 'https://{host}'}}}}\nconsumers: {{web: {{grants: [{grant}]}}}}\n"
FIRST = Stored(1, {"consumers": {"cron": {"grants": ["*"]}}}, (StoredKey("a" * 12, "ab" * 32, "web"),))
MORE = replace(FIRST, revision=2, keys=(*FIRST.keys, StoredKey("b" * 12, "cd" * 32, "cron")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the document is."""
    write(tmp_path, "a.example")
    return tmp_path


def write(folder: Path, host: str, grant: str = "api") -> None:
    """Write the document anew, as editors do, and as nothing has the same time again."""
    file = folder / "new.yaml"
    file.write_text(FILE.format(host=host, grant=grant))
    os.utime(file, ns=(write.count, write.count))  # type: ignore[attr-defined]
    write.count += 1_000_000_000  # type: ignore[attr-defined]
    file.replace(folder / "exeat.yaml")


write.count = 1_700_000_000_000_000_000  # type: ignore[attr-defined]


def effect_in(folder: Path, **variables: str) -> Effect:
    return Effect(read_settings(variables, folder), create_engine("sqlite://"))


def counting(monkeypatch: pytest.MonkeyPatch, name: str) -> list[object]:
    """The calls of a function of the module from now on."""
    calls: list[object] = []
    real = getattr(module, name)

    def counted(*arguments: object, **others: object) -> object:
        calls.append(arguments)
        return real(*arguments, **others)

    monkeypatch.setattr(module, name, counted)
    return calls


def test_keys_alone_are_judged_without_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second change of keys compiles nothing; what is wrong with one is found all the same."""
    effect, loads = effect_in(folder), counting(monkeypatch, "load")
    assert effect.check(FIRST).problems == ()
    assert effect.check(MORE).problems == ()
    assert effect.check(FIRST).problems == ()
    assert len(loads) == 1
    wrong = replace(FIRST, keys=(*FIRST.keys, StoredKey("c" * 12, "ab" * 32, "cron")))
    assert [problem.message for problem in effect.check(wrong).problems] == [
        "is also a key of consumer 'cron'; give each its own key"
    ]
    assert effect.check(MORE).problems == ()


def test_another_file_is_compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file, .env or what a reference names is different, everything is looked at again."""
    effect, loads = effect_in(folder), counting(monkeypatch, "load")
    effect.check(FIRST)
    write(folder, "a.example", "nothing")
    assert len(effect.check(MORE).problems) == 1
    write(folder, "a.example")
    assert effect.check(MORE).problems == ()
    (folder / ".env").write_text("EXEAT_CONSUMERS__MORE__GRANTS=nothing\n")
    assert len(effect.check(FIRST).problems) == 1
    (folder / ".env").unlink()
    count = len(loads)
    assert effect.check(FIRST).problems == ()  # as before there was one
    assert effect.check(MORE).problems == ()
    assert len(loads) == count


def test_a_file_that_a_reference_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is first heard of while it is read counts from the next look on."""
    (folder / "secret").write_text("one")
    (folder / "exeat.yaml").write_text(
        "upstreams: {api: {url: 'https://a.example', credential: {kind: bearer, secret: '${file:secret}'}}}\n"
        "consumers: {web: {grants: [api]}}\n"
    )
    effect, loads = effect_in(folder), counting(monkeypatch, "load")
    for stored in (FIRST, MORE, FIRST, MORE):
        assert effect.check(stored).problems == ()
    assert len(loads) == 2
    (folder / "secret").write_text("")
    assert [warning.path for warning in effect.check(FIRST).warnings] == ["upstreams.api.credential"]


def test_outside_is_read_when_it_is_different(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What file and environment say is read once, and again after each change."""
    effect, reads = effect_in(folder), counting(monkeypatch, "outside")
    first = effect.outside()
    assert first.sources["upstream", "api"].startswith("file exeat.yaml")
    assert effect.outside() is first
    write(folder, "b.example")
    assert effect.outside().document["upstreams"] == {"api": {"url": "https://b.example"}}
    (folder / ".env").write_text("EXEAT_UPSTREAMS__ENV__URL=https://c.example\n")
    assert effect.outside().sources["upstream", "env"] == "environment"
    (folder / "exeat.yaml").unlink()
    assert ("upstream", "api") not in effect.outside().sources
    assert len(reads) == 4
