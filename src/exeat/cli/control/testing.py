"""One message to a webhook at once, for who wants to see that it arrives."""

import asyncio
import secrets
import time
from datetime import UTC, datetime

import orjson

from exeat.admin.services import Told
from exeat.cli.control.post import Outcome, post
from exeat.cli.control.webhooks import DEFAULT_PACE
from exeat.config.settings import Settings
from exeat.model.upstream import Network
from exeat.model.webhook import Webhook
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import AresLookup, Names


def send_test(webhook: Webhook, nat64: tuple[Network, ...], settings: Settings) -> Told:
    """Send a message of the type `webhook.test`; from a thread without an event loop."""
    outcome = asyncio.run(_send(webhook, nat64, settings))
    return Told(outcome.is_taken, outcome.status, outcome.reason or None)


async def _send(webhook: Webhook, nat64: tuple[Network, ...], settings: Settings) -> Outcome:
    files = (settings.ssl_cert_file, settings.ssl_cert_dir)
    trust = Trust(*(None if path is None else str(settings.directory / path) for path in files))
    lookup = AresLookup()
    dialler = Dialler(Names(lookup, asyncio.get_running_loop().time), (), trust)
    dialler.nat64 = nat64
    timestamp = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    event = {"type": "webhook.test", "timestamp": timestamp, "data": {"webhook": webhook.name}}
    try:
        return await post(
            dialler,
            webhook,
            f"evt_{secrets.token_hex(12)}",
            orjson.dumps(event),
            timestamp=time.time_ns() // 1_000_000_000,
            limit_s=DEFAULT_PACE.limit_s,
        )
    finally:
        await lookup.close()
