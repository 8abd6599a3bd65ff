"""Webhooks as people write them: one class for each object, its fields with what they mean."""

from pydantic import Field

from exeat.config import fields as f
from exeat.config.entries import Entry
from exeat.model.webhook import EVENT_TYPES


class WebhookNetwork(Entry):
    """Which private addresses a receiver of events may have."""

    private: f.PrivateField = Field(
        default=(), description="Private or loopback networks where it is. Metadata services can't be granted."
    )


class Webhook(Entry):
    """Who is told of events: each is sent as a signed POST with JSON, again and again for a day until it arrives."""

    name: f.NameField = Field(description="What it is called in logs, and by `exeat webhook test`.")
    url: f.WebhookUrlField = Field(description="Where events are sent: `https://`, with its path and query.")
    secret: f.WebhookSecretField = Field(
        description="What signs them: base64 of 24 to 64 random bytes, with or without `whsec_` before it."
    )
    events: f.EventsField = Field(
        default=EVENT_TYPES,
        description="Which events: `limit.nearly` (80 % of a quota or budget are used), `limit.reached` (100 %);"
        " `circuit.opened` (an endpoint rests), `circuit.closed` (it is well again); `endpoint.tripped`,"
        " `endpoint.drained`, `endpoint.reset` and `endpoint.restored` (by hand).",
    )
    network: WebhookNetwork = Field(
        default_factory=WebhookNetwork, description="Which private networks it may be in; none, without it."
    )
    plaintext: f.FlagField = Field(
        default=False, description="Allow an `http://` URL, to addresses in `network.private` alone."
    )
