"""The key never leaves, the secret never shows: every slot of a key, every mode, every kind of credential.

The upstream echoes all that it received, everywhere but in bodies: those are streamed as they are, and Exeat promises
nothing about what an upstream writes into one.
"""

from collections.abc import Iterable, Iterator

import pytest

from tests.secrets.calls import BY_URL, NAMED, SLOTS
from tests.secrets.conversation import OFFERS, PRIVATE, Heard, held
from tests.secrets.echoing import SPELLED
from tests.support.secret_search import holds, pieces_in

MODES = {**NAMED, **BY_URL}


def assert_kept(heard: Heard, secrets: Iterable[str]) -> None:
    """Each side has what it may have: the upstream its secrets, nobody a piece of the key or of another's secret."""
    assert b" 401 " in heard.caller.partition(b"done")[0] or b'"status":401' in heard.caller
    assert b"done" in heard.caller
    for text in secrets:
        assert holds(heard.upstream, text)
        for said in (heard.caller, heard.logs):
            assert pieces_in(said, text) == []
    for said in heard:
        assert pieces_in(said, PRIVATE) == []
    assert b"exeat_" not in heard.upstream.lower()


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Every kind of credential, mode and slot that go together, and one of the spellings in turn."""
    place = 0
    for kind, offer in OFFERS.items():
        for mode in BY_URL if offer.kind is None else MODES:
            own = () if mode == "around an envelope" else offer.slots  # that key is the envelope's, not the upstream's
            for slot in (*SLOTS, *own):
                yield kind, mode, slot, list(SPELLED)[place % len(SPELLED)]
                place += 1


@pytest.mark.parametrize(("kind", "mode", "slot", "spelling"), list(cases()))
def test_every_slot_in_every_mode_with_every_credential(kind: str, mode: str, slot: str, spelling: str) -> None:
    """No piece of the key reaches the upstream, and no piece of what it was shown instead comes back."""
    offer = OFFERS[kind]
    place = SLOTS.get(slot) or offer.slots[slot]
    assert_kept(held(offer, MODES[mode], place, SPELLED[spelling]), offer.secrets)


@pytest.mark.parametrize("spelling", SPELLED)
@pytest.mark.parametrize("kind", [kind for kind, offer in OFFERS.items() if offer.secrets])
def test_every_spelling_of_every_credential(kind: str, spelling: str) -> None:
    """However the upstream spells what it was shown, as long as Exeat knows the spelling, none of it comes back."""
    offer = OFFERS[kind]
    assert_kept(held(offer, MODES["path"], SLOTS["Exeat-Key"], SPELLED[spelling]), offer.secrets)
