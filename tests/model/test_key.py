"""Keys: their shape, their check, and what of them may be shown."""

import hashlib
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.key import ALPHABET, SHAPE, check_of, is_well_formed, make_key, mask

symbols = st.text(ALPHABET, min_size=44, max_size=44)


@given(drawn=symbols)
def test_a_new_key(drawn: str) -> None:
    """A key has the shape of the contract, a check that is right, and the digest of its whole text."""
    made = make_key(drawn)
    assert re.fullmatch(r"exeat_[0-9A-Za-z]{12}_[0-9A-Za-z]{32}[0-9A-Za-z]{6}", made.key)
    assert SHAPE.fullmatch(made.key.encode())
    assert is_well_formed(made.key.encode())
    assert made.key.split("_")[1] == made.id == drawn[:12]
    assert made.sha256 == hashlib.sha256(made.key.encode()).hexdigest()


@given(text=st.binary(max_size=40))
def test_the_check_is_the_crc_in_base62(text: bytes) -> None:
    """Six base62 digits, the highest first, stand for the CRC-32."""
    digits = check_of(text).decode()
    assert len(digits) == 6
    number = 0
    for digit in digits:
        number = number * 62 + ALPHABET.index(digit)
    assert number == zlib.crc32(text)


@given(drawn=symbols, place=st.integers(0, 56), symbol=st.sampled_from(ALPHABET + "_-"))
def test_a_mistyped_key(drawn: str, place: int, symbol: str) -> None:
    """One wrong symbol anywhere is noticed."""
    right = make_key(drawn).key
    wrong = right[:place] + symbol + right[place + 1 :]
    assert is_well_formed(wrong.encode()) is (wrong == right)


@pytest.mark.parametrize("text", ["", "exeat_", "exeat", "EXEAT_" + "0" * 51, "exeat_" + "0" * 51, "exeat_0_0"])
def test_what_is_no_key(text: str) -> None:
    """Other texts aren't well-formed keys."""
    assert not is_well_formed(text.encode())


@given(drawn=symbols, around=st.text(max_size=20))
def test_a_masked_text_holds_no_key(drawn: str, around: str) -> None:
    """Whatever stands around a key, a masked text doesn't hold it; a text without one stays as it is."""
    key = make_key(drawn).key
    hidden = mask(around + key + around)
    assert key[6:] not in hidden
    if "exeat_" not in around:
        assert mask(around) == around


def test_parts_of_keys_are_masked_too() -> None:
    """Something that only begins like a key is masked as well: a mistyped key is still most of a secret."""
    assert mask("/exeat_abc/x?y=exeat_1_2") == "/exeat_…/x?y=exeat_…"
