"""Refresh tokens of upstreams that took the place of the ones in documents, and the access tokens of instances."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG = sa.BigInteger()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "upstream_tokens",
        sa.Column("grant_id", _TEXT, primary_key=True),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("refresh_sealed", sa.LargeBinary),
        sa.Column("access_sealed", sa.LargeBinary),
        sa.Column("asked", _TEXT),
        sa.Column("ends_at", _BIG),
        sa.Column("fetched_at", _BIG, nullable=False),
        sa.Column("holder", _TEXT),
        sa.Column("held_until", _BIG, nullable=False),
    )
