"""Sealed values: what opens, what doesn't, and that the format stays."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.sealed import VERSION, master_key_of
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import CACHED_KEYS, OVERHEAD_BYTES, Sealer, SealError
from tests.support.gateway import environment
from tests.vault.keys import CONTEXT, key, keyring

RING = keyring("a", "b")
SEALER = Sealer(RING)
SEAL_IN_TWO_PROCESSES = """
import os
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer
sealer = Sealer(Keyring(MasterKey.make()))
child = os.fork()
sealed = [sealer.seal(b"value", b"context") for _ in range(500)]
if child:
    os.waitpid(child, 0)
print("\\n".join(f"{each[:69].hex()} {each[69:81].hex()}" for each in sealed), flush=True)
"""
VALUE = b"marker of a value that is sealed"
HEADER_BYTES = 69
# Sealed by version 1 under the key of bytes 0 to 31, for b"body:1:request".
WRITTEN_ONCE = (
    "01797ee83e627e22965660b7ff14f21e3ad7f15cb400405aab0df96c67203c4b4be4900026be124b6fe27af71ae205222279"
    "538f300711a55ffe7940acfe99312ddb7a3ba787f5f4223eb62f414b0bec344fb7881471e72a3f6f5e32c264baaf6adaa07e"
    "59188383e0ece63c3c741b96746f1e24"
)


def fault(sealed: bytes, context: bytes = CONTEXT, sealer: Sealer = SEALER) -> str:
    with pytest.raises(SealError) as caught:
        sealer.open(sealed, context)
    return str(caught.value)


@given(st.binary(max_size=2000), st.binary(max_size=60))
def test_what_was_sealed_opens(value: bytes, context: bytes) -> None:
    """A value opens where it was sealed for, by whoever has the keyring, and hides but its length."""
    sealed = SEALER.seal(value, context)
    assert SEALER.open(sealed, context) == value
    assert Sealer(RING).open(sealed, context) == value
    assert len(sealed) == len(value) + OVERHEAD_BYTES
    assert len(value) < 8 or value not in sealed


@given(st.binary(max_size=100), st.data())
def test_any_changed_byte_is_noticed(value: bytes, data: st.DataObject) -> None:
    """One byte that isn't what it was, wherever it is, and nothing opens."""
    sealed = SEALER.seal(value, CONTEXT)
    place = data.draw(st.integers(0, len(sealed) - 1))
    change = data.draw(st.integers(1, 255))
    changed = sealed[:place] + bytes([sealed[place] ^ change]) + sealed[place + 1 :]
    for sealer in (SEALER, Sealer(RING)):
        fault(changed, sealer=sealer)


def test_every_byte_counts() -> None:
    """The same for each byte of one value."""
    sealed = SEALER.seal(VALUE, CONTEXT)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        fault(bytes(changed))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_value_stays_in_its_place(context: bytes, other: bytes) -> None:
    """A value that was moved doesn't open; a context that only looks like another one is another."""
    sealed = SEALER.seal(VALUE, context)
    if other != context:
        assert fault(sealed, other) == "The sealed value doesn't open: it is damaged, or stands in another place"
    for near in (context + b"\0", b"\0" + context, context[:-1] + b"\x80\x80"):
        fault(sealed, near)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Whatever the bytes, opening them is a SealError and nothing else."""
    fault(data)
    fault(bytes([VERSION]) + data)
    fault(SEALER.seal(b"", CONTEXT)[:HEADER_BYTES] + data)


@given(st.integers(0, OVERHEAD_BYTES + 10), st.binary(min_size=1, max_size=5))
def test_shorter_and_longer(length: int, more: bytes) -> None:
    """A value that was cut or drawn out doesn't open."""
    sealed = SEALER.seal(b"ten bytes.", CONTEXT)
    if length < len(sealed):
        fault(sealed[:length])
    fault(sealed + more)


def test_parts_of_two_values() -> None:
    """The head of one value and the rest of another don't fit together."""
    one, other = SEALER.seal(VALUE, CONTEXT), Sealer(RING).seal(VALUE, CONTEXT)
    fault(one[:HEADER_BYTES] + other[HEADER_BYTES:])
    fault(other[:HEADER_BYTES] + one[HEADER_BYTES:])


# Keys


def test_after_rotation() -> None:
    """What an older key has sealed opens as long as that key is in the keyring; the new one seals."""
    old, rotated, without = Sealer(keyring("b")), Sealer(keyring("a", "b")), Sealer(keyring("a", "c"))
    before = old.seal(VALUE, CONTEXT)
    after = rotated.seal(VALUE, CONTEXT)
    assert rotated.open(before, CONTEXT) == rotated.open(after, CONTEXT) == VALUE
    assert without.open(after, CONTEXT) == VALUE
    assert (before[1:9].hex(), after[1:9].hex()) == (key("b").id, key("a").id)
    for sealed, lacking, sealer in ((before, "b", without), (after, "a", old)):
        sentence = fault(sealed, sealer=sealer)
        assert f"master key {key(lacking).id}, which the keyring lacks" in sentence
        assert "copy" in sentence


def test_another_version() -> None:
    """A value of another format says so."""
    sealed = SEALER.seal(VALUE, CONTEXT)
    assert "has format 2" in fault(b"\x02" + sealed[1:])
    assert "0 bytes" in fault(b"")


def test_a_data_key_for_each_life() -> None:
    """A sealer has one data key, another one another; on demand and after its share of seals it takes a new one."""
    sealer = Sealer(RING, seals_per_key=3)
    heads = [sealer.seal(VALUE, CONTEXT)[:HEADER_BYTES] for _ in range(7)]
    assert [heads.index(head) for head in heads] == [0, 0, 0, 3, 3, 3, 6]
    sealer.renew()
    assert sealer.seal(VALUE, CONTEXT)[:HEADER_BYTES] not in heads
    assert Sealer(RING).seal(VALUE, CONTEXT)[:HEADER_BYTES] not in heads


def test_no_nonce_comes_twice() -> None:
    """The same value is sealed with another nonce each time, by a process and the one forked from it too."""
    command = [sys.executable, "-c", SEAL_IN_TWO_PROCESSES]
    said = subprocess.run(command, env=environment({}), capture_output=True, text=True, check=True, timeout=30).stdout
    heads, nonces = zip(*(line.split() for line in said.splitlines()), strict=True)
    assert (len(heads), len(set(heads)), len(set(nonces))) == (1000, 1, 1000)


def test_more_data_keys_than_are_kept() -> None:
    """Values of many lives open one after the other and again, though not all of their data keys are kept."""
    sealed = [Sealer(RING).seal(VALUE, CONTEXT) for _ in range(CACHED_KEYS + 50)]
    sealer = Sealer(RING)
    for each in (*sealed, *reversed(sealed)):
        assert sealer.open(each, CONTEXT) == VALUE


def test_threads_may_share_a_sealer() -> None:
    """Threads that seal and open while data keys change have their own values back."""
    sealer = Sealer(RING, seals_per_key=7)

    def work(number: int) -> bool:
        value = b"%d" % number * 50
        return sealer.open(sealer.seal(value, CONTEXT), CONTEXT) == value

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(2000)))


# The format


def test_what_is_written_in_the_description() -> None:
    """A value that is put together by the description alone opens."""
    master, data_key, context = RING.sealing, os.urandom(32), b"body:1:answer"
    prefix = b"\x01" + bytes.fromhex(master.id)
    nonce = os.urandom(12)
    header = prefix + nonce + AESGCM(master.octets).encrypt(nonce, data_key, prefix)
    nonce = os.urandom(12)
    sealed = header + nonce + AESGCM(data_key).encrypt(nonce, VALUE, header + context)
    assert SEALER.open(sealed, context) == VALUE


def test_values_of_earlier_versions_open() -> None:
    """What was sealed once opens for ever."""
    sealer = Sealer(Keyring(MasterKey(bytes(range(32)))))
    assert sealer.open(bytes.fromhex(WRITTEN_ONCE), b"body:1:request") == b"sealed by version 1"


# What is shown


def test_errors_hold_nothing_of_value_and_keys() -> None:
    """No error, nor what it came from, holds a part of the value, a key or the context."""
    sealed = SEALER.seal(VALUE, CONTEXT)
    for changed, context in (
        (sealed[:-1] + b"\0", CONTEXT),
        (sealed, b"elsewhere"),
        (sealed[:40] + sealed[41:], CONTEXT),
    ):
        with pytest.raises(SealError) as caught:
            SEALER.open(changed, context)
        shown = f"{caught.value!r} {caught.value.__cause__!r}"
        assert not re.search(rf"marker|elsewhere|body:|{RING.sealing.reveal()}", shown)


def test_a_sealer_shows_and_gives_nothing() -> None:
    """A sealer's public attributes are what it does."""
    assert {name for name in dir(SEALER) if not name.startswith("_")} == {"open", "pair_of", "renew", "seal"}


def test_which_master_key_a_value_needs() -> None:
    """A sealed value names its master key; what is none says so."""
    assert master_key_of(SEALER.seal(b"value", CONTEXT)) == RING.sealing.id
    for other in (b"", b"\1" + bytes(7), b"\2" + bytes(100)):
        with pytest.raises(ValueError, match="damaged"):
            master_key_of(other)
