"""The configuration's tables, beside those of the audit trail; times are whole microseconds since 1970, UTC.

Rule 1: `revision` is the number of the edit that last changed the row.
Rule 2: no column holds a secret in the clear: keys, tokens and sessions are SHA-256 (hex), passwords Argon2 hashes.
"""

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table

from exeat.store.tables import BIG, TEXT, metadata

objects = Table(
    "objects",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("data", TEXT, nullable=False),  # JSON, as it is written in the document
    Column("revision", BIG, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("sha256", TEXT, nullable=False),
    Column("consumer", TEXT, nullable=False),
    Column("label", TEXT, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("created_by", TEXT, nullable=False),
    Column("expires_at", BIG),
    Column("revoked_at", BIG),
    Column("networks", TEXT, nullable=False),  # JSON
    Column("limits", TEXT, nullable=False, server_default="[]"),  # JSON, as they are written in the document
    Column("replaces", TEXT),
    Column("revision", BIG, nullable=False),
    Index("keys_by_sha256", "sha256", unique=True),
    Index("keys_of_consumer", "consumer", "id"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("version", BIG, nullable=False),
    Column("changed_at", BIG, nullable=False),
    Column("changed_by", TEXT, nullable=False),
    Column("revision", BIG, nullable=False),
)

# What operators say of endpoints, whichever source their upstream is written in.
endpoint_states = Table(
    "endpoint_states",
    metadata,
    Column("upstream", TEXT, primary_key=True),
    Column("endpoint", TEXT, primary_key=True),
    Column("state", TEXT),
    Column("ends_at", BIG),
    Column("changed_at", BIG, nullable=False),
    Column("changed_by", TEXT, nullable=False),
    Column("why", TEXT, nullable=False),
    Column("last_reset", BIG, nullable=False),  # the number of an edit; 0 for none
    Column("revision", BIG, nullable=False),
)

# By the grant: an endpoint, a client, and the refresh token of the document; no part of any revision.
upstream_tokens = Table(
    "upstream_tokens",
    metadata,
    Column("grant_id", TEXT, primary_key=True),
    Column("label", TEXT, nullable=False),
    Column("version", BIG, nullable=False),
    Column("refresh_sealed", LargeBinary),
    Column("access_sealed", LargeBinary),
    Column("asked", TEXT),
    Column("ends_at", BIG),
    Column("fetched_at", BIG, nullable=False),
    Column("holder", TEXT),
    Column("held_until", BIG, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("number", BIG, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("time", BIG, nullable=False),
    Column("who", TEXT, nullable=False),
    Column("why", TEXT, nullable=False),
    Column("changes", TEXT, nullable=False),  # JSON
)

administrators = Table(
    "administrators",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("role", TEXT, nullable=False),
    Column("password", TEXT),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("administrator", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("label", TEXT, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("expires_at", BIG),
    Column("revoked_at", BIG),
    Column("last_used_at", BIG),
    Index("tokens_by_sha256", "sha256", unique=True),
    Index("tokens_of_administrator", "administrator", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", TEXT, primary_key=True),
    Column("administrator", TEXT, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Index("sessions_of_administrator", "administrator"),
    Index("sessions_by_expires_at", "expires_at"),
)
