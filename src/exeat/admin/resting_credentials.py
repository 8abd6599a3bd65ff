"""The credentials of pools that aren't shown now, as the workers of the gateway know it that answers."""

from collections.abc import Mapping
from typing import Any

from exeat.admin.shown import render_time


def show_credentials(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every credential that rests because it was refused, or because its limits let no call pass, once."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for worker in status.get("workers") or ():
        for said in worker.get("credentials", ()):
            which = (said["upstream"], said["credential"], said["state"], said["part"] or "")
            known = found.get(which)
            if known is None or said["rests_until"] > known["rests_until"]:
                found[which] = said
    return [
        {
            **{name: item for name, item in found[which].items() if name != "rests_until"},
            "until": render_time(found[which]["rests_until"] * 1_000_000),
        }
        for which in sorted(found)
    ]
