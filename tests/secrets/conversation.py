"""One call through a gateway in memory, and what it made known: to the upstream, to the caller, and in the logs."""

from collections.abc import Callable
from secrets import token_hex
from typing import NamedTuple

from exeat.model.snapshot import Snapshot
from exeat.telemetry.access_log import render_console, render_json
from tests.secrets.calls import Mode, Offer, Slot, offers
from tests.secrets.echoing import answer_everywhere, words_of
from tests.support.gateway import make_key
from tests.support.markers import MARKERS, PUBLIC_LENGTH
from tests.support.playbook import Stage, on_stage
from tests.support.values import destination, granted, key, snapshot, upstream

SECRET = MARKERS.make("secret of the echoed upstream") + "/+=&%25'()*!~"
USER = MARKERS.add("user of the echoed upstream", token_hex(15))  # whole groups of base64: it begins the token of both
OFFERS = offers(SECRET, USER)
KEY = make_key()
PRIVATE = KEY.key[PUBLIC_LENGTH:]


def configured(offer: Offer) -> Snapshot:
    """One upstream with a credential, or one destination without."""
    if offer.kind is None:
        place = destination("api.test", plaintext=True)
        return snapshot(destinations=[place], known={bytes.fromhex(KEY.sha256): key(granted([], [place]))})
    api = upstream("api", "http://api.test", kind=offer.kind)
    return snapshot(api, known={bytes.fromhex(KEY.sha256): key(granted([api]))})


class Heard(NamedTuple):
    """What one call made known: to the upstream, to the caller, and to whoever reads the logs."""

    upstream: bytes
    caller: bytes
    logs: bytes


def held(offer: Offer, mode: Mode, slot: Slot, spelled: Callable[[str], str]) -> Heard:
    """Make a call, and have the upstream echo all that it was sent."""
    with on_stage(configured(offer)) as stage:
        call, sent = mode(KEY.key, slot), b""
        caller = stage.caller()
        caller.sends(call.sent)
        for number in range(1, call.requests + 1):
            api = stage.upstream(number)
            raw = api.takes_raw()
            sent += raw
            answer_everywhere(api, words_of(raw), spelled)
        return Heard(sent, caller.takes_raw(), logs_of(stage))


def logs_of(stage: Stage) -> bytes:
    """The access lines, for programs and for people, and the log at its most talkative."""
    lines = [render(members) for members in stage.records for render in (render_json, render_console)]
    return b"".join(lines) + stage.log.encode()
