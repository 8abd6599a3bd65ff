"""The configuration that the database holds, and who administers it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG = sa.BigInteger()


def upgrade() -> None:
    """Make the tables."""
    _make_objects()
    _make_keys()
    _make_people()


def _make_objects() -> None:
    op.create_table(
        "objects",
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("data", _TEXT, nullable=False),
        sa.Column("revision", _BIG, nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("changed_at", _BIG, nullable=False),
        sa.Column("changed_by", _TEXT, nullable=False),
        sa.Column("revision", _BIG, nullable=False),
    )
    op.create_table(
        "revisions",
        sa.Column("number", _BIG, primary_key=True, autoincrement=False),
        sa.Column("time", _BIG, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("why", _TEXT, nullable=False),
        sa.Column("changes", _TEXT, nullable=False),
    )


def _make_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("sha256", _TEXT, nullable=False),
        sa.Column("consumer", _TEXT, nullable=False),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("created_by", _TEXT, nullable=False),
        sa.Column("expires_at", _BIG),
        sa.Column("revoked_at", _BIG),
        sa.Column("networks", _TEXT, nullable=False),
        sa.Column("replaces", _TEXT),
        sa.Column("revision", _BIG, nullable=False),
    )
    op.create_index("keys_by_sha256", "keys", ["sha256"], unique=True)
    op.create_index("keys_of_consumer", "keys", ["consumer", "id"])


def _make_people() -> None:
    op.create_table(
        "administrators",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("password", _TEXT),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("revision", _BIG, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("administrator", _TEXT, nullable=False),
        sa.Column("sha256", _TEXT, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG),
        sa.Column("revoked_at", _BIG),
        sa.Column("last_used_at", _BIG),
    )
    op.create_index("tokens_by_sha256", "tokens", ["sha256"], unique=True)
    op.create_index("tokens_of_administrator", "tokens", ["administrator", "id"])
    op.create_table(
        "sessions",
        sa.Column("sha256", _TEXT, primary_key=True),
        sa.Column("administrator", _TEXT, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
    )
    op.create_index("sessions_of_administrator", "sessions", ["administrator"])
    op.create_index("sessions_by_expires_at", "sessions", ["expires_at"])
