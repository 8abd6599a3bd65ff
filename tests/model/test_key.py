"""Keys: their shape, their check, and what of them may be shown."""

import hashlib
import re
import time
import zlib
from urllib.parse import quote

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


@given(
    drawn=symbols,
    encoded=st.sets(st.integers(0, 56)),
    layers=st.integers(1, 3),
    code=st.sampled_from(["%{:02x}", "%{:02X}"]),
    before=st.text("/?=ab%2cé", max_size=9),
)
def test_a_key_is_masked_whichever_of_its_characters_are_encoded(
    drawn: str, encoded: set[int], layers: int, code: str, before: str
) -> None:
    """Percent-encoding hides none of a key, nor does encoding that again; what stands around it stays as it was."""
    key = make_key(drawn).key
    text = "".join(code.format(ord(each)) if place in encoded else each for place, each in enumerate(key))
    for _ in range(layers - 1):
        text = quote(text, safe="")
    around = before + "/"  # so that no half of an escape stands before it
    assert mask(f"{around}{text}/%2Frest?a%20b%41") == f"{around}exeat_…/%2Frest?a%20b%41"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/p/exea%74_iYqH", "/p/exeat_…"),
        ("/p/%65x%65at%5fabc%20d", "/p/exeat_…%20d"),
        ("/p/exeat_%61%zz", "/p/exeat_…%zz"),
        ("/p/%%36%35xeat_abc/q", "/p/exeat_…/q"),
        ("/p/exeat_ab%41/%C3%A9/exea%2574%255Fcd", "/p/exeat_…/%C3%A9/exeat_…"),
        ("/p?exeat-lin%6B=a.b%2Dc&q=1", "/p?exeat_…&q=1"),
        ("/p?exeat-link%3da%2Eb&q=%31", "/p?exeat_…&q=%31"),
        ("/p?t=%5AXhlYXRfYWJj", "/p?t=exeat_…"),
    ],
)
def test_spellings_of_what_is_masked(text: str, masked: str) -> None:
    """Keys, links and base64 of keys are masked in mixed spellings, and nothing but them."""
    assert mask(text) == masked


@pytest.mark.parametrize("text", ["/a%41b/%65xeat", "/%65/x?q=%25", "%", "%%%", "100%25 exea%74%20_ab", "/%zz%5"])
def test_what_is_encoded_and_no_key_stays(text: str) -> None:
    """A text without a key is as it was, whatever of it is encoded."""
    assert mask(text) == text


@pytest.mark.parametrize(
    "piece",
    ["%25", "%", "%2525", "%5", "exeat", "exeat_", "exeat-link=", "%65xeat_", "ZXhlYXRf", "%65%78%65%61%74%5f", "%5f%"],
)
def test_the_time_grows_with_the_length_alone(piece: str) -> None:
    """No text takes more than its length: sixteen times as much of it takes far less than sixteen squared."""

    def took(length: int) -> float:
        text = piece * (length // len(piece))
        times = []
        for _ in range(3):
            began = time.thread_time()
            mask(text)
            times.append(time.thread_time() - began)
        return min(times)

    assert took(320_000) < 64 * max(took(20_000), 0.001)
