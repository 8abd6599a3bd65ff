"""Keyrings as they are written, and what a key never does."""

import copy
import json
import pickle
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pprint import pformat

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exeat.vault.keyring import LEAST_DISTINCT, Keyring, KeyringError, MasterKey, parse_keyring
from exeat.vault.seal import Sealer
from tests.support.secret_search import spellings
from tests.vault.keys import key, keyring

A, B, C = key("a"), key("b"), key("c")
KEYS = st.binary(min_size=32, max_size=32).filter(lambda octets: len(set(octets)) >= LEAST_DISTINCT).map(MasterKey)
WAYS_TO_PRINT: list[Callable[[object], str]] = [
    repr,
    str,
    ascii,
    pformat,
    lambda value: f"{value} {value!r:>80}",
    lambda value: "%s %r" % (value, value),  # noqa: UP031 - the old way is one of the ways
    lambda value: json.dumps([value], default=str),
    lambda value: json.dumps([value], default=repr),
]


def fault(text: str, **options: str) -> str:
    with pytest.raises(KeyringError) as caught:
        parse_keyring(text, **options)  # type: ignore[arg-type]  # "line" or "key"
    return str(caught.value)


@given(st.lists(KEYS, min_size=1, max_size=5, unique_by=lambda made: made.id))
def test_what_is_revealed_is_what_is_read(keys: list[MasterKey]) -> None:
    """A keyring that is written and read is the same, in the same order."""
    assert parse_keyring(Keyring(*keys).reveal()).keys == tuple(keys)
    assert parse_keyring("\n".join(each.reveal() for each in keys)).keys == tuple(keys)


def test_how_keys_may_be_written() -> None:
    """Keys stand on lines or between commas, padded or not, among comments and white space."""
    text = f"# ours\r\n\n  {A.reveal()}=  # since May\n,{B.reveal()} , {C.reveal()},\n# {A.reveal()}\n"
    assert parse_keyring(text).keys == (A, B, C)


def test_the_first_seals_and_each_is_found() -> None:
    """The first key seals; every key is found by its id, and no other."""
    ring = Keyring(A, B)
    assert ring.sealing == A
    assert (ring.find(A.id), ring.find(B.id), ring.find(C.id)) == (A, B, None)


def test_an_id_is_part_of_a_digest() -> None:
    """Ids of what is sealed stay the same in every version: SHA-256 of the key with a purpose before it."""
    assert MasterKey(bytes(range(32))).id == "797ee83e627e2296"


@pytest.mark.parametrize(
    "written",
    [
        "secret",
        A.reveal()[:-1],
        A.reveal() + "A",
        A.reveal() + "==",
        f"{A.reveal()[:20]} {A.reveal()[20:]}",
        "+/" + A.reveal()[2:],
        "ä" * 43,
        A.octets.hex(),
    ],
)
def test_what_is_no_key(written: str) -> None:
    """What isn't 32 bytes in base64url is refused with its place and what to do, and isn't quoted."""
    sentence = fault(f"{B.reveal()},\n{written}")
    assert sentence.startswith("key 2 isn't a master key, which is 32 bytes in base64url")
    assert "openssl rand" in sentence
    assert written not in sentence
    assert fault(f"\n\n{written}", counted="line").startswith("line 3 isn't a master key")


def test_a_damaged_last_character() -> None:
    """Two bits of the last character carry nothing: another spelling of the same key is refused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(A.reveal()[-1]) + 1]
    assert fault(A.reveal()[:-1] + other).startswith("key 1 is damaged")


def test_a_key_twice() -> None:
    """A key that stands twice is refused with both places, whatever its padding."""
    expected = "line 4 holds the same key as line 2; remove one of them"
    assert fault(f"#\n{A.reveal()}\n{B.reveal()}\n{A.reveal()}=", counted="line") == expected
    with pytest.raises(KeyringError):
        Keyring(A, B, A)


@pytest.mark.parametrize("text", ["", "\n", " , ,", "# only a comment\n"])
def test_no_key(text: str) -> None:
    """A text without a key isn't a keyring."""
    assert fault(text).startswith("holds no key")
    with pytest.raises(KeyringError):
        Keyring()


@pytest.mark.parametrize("octets", [bytes(32), b"\xff" * 32, b"changeme" * 4])
def test_placeholders(octets: bytes) -> None:
    """A key that nobody drew at random is refused."""
    assert "isn't random" in fault(urlsafe_b64encode(octets).decode())


@given(st.binary(max_size=64))
def test_the_length_of_a_key(octets: bytes) -> None:
    """A key has 32 bytes."""
    assume(len(octets) != 32)
    with pytest.raises(KeyringError):
        MasterKey(octets)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Whatever the text, it is a keyring or a KeyringError."""
    with suppress(KeyringError):
        assert parse_keyring(text).keys


def holders() -> list[object]:
    ring = Keyring(A, B)
    return [A, [A], {"key": A}, {A}, ring, [ring], Sealer(ring), Sealer(ring).open, Sealer(ring)._current]  # noqa: SLF001


@pytest.mark.parametrize("show", WAYS_TO_PRINT, ids=range(len(WAYS_TO_PRINT)))
def test_printing_shows_no_key(show: Callable[[object], str]) -> None:
    """No way of printing a key, or what holds one, shows it or a spelling of it; ids may be seen."""
    for holder in holders():
        shown = show(holder).encode()
        for each in (A, B):
            assert each.reveal().encode() not in shown
            assert repr(each.octets).encode() not in shown
            assert not any(spelt in shown for spelt in spellings(each.reveal()).values())
            assert each.octets.hex().encode() not in shown
    assert show(A).count(A.id)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_refuses_it(protocol: int) -> None:
    """Nothing that holds a key can be pickled."""
    for holder in holders():
        with pytest.raises(TypeError):
            pickle.dumps(holder, protocol)


def test_copying_and_json_refuse_it() -> None:
    """A key isn't multiplied, nor turned into JSON."""
    for copied in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copied(A)
    for render in (json.dumps, orjson.dumps):
        with pytest.raises(TypeError):
            render({"key": A})


def test_it_has_no_other_attributes() -> None:
    """Beside what is named for it, no attribute gives the key."""
    public = {name for name in dir(A) if not name.startswith("_")}
    assert public == {"id", "make", "octets", "reveal"}
    assert not hasattr(A, "__dict__")


def test_comparing() -> None:
    """Keys are equal by their bytes, never to the bytes themselves; new ones differ."""
    assert MasterKey(A.octets) == A
    assert A != B
    assert (A.octets == A) is False
    assert len({A, MasterKey(A.octets), B}) == 2
    assert MasterKey.make() != MasterKey.make()
    assert keyring("a", "b").keys == (A, B)
