"""The limits of a key."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column; the keys that are there have none."""
    op.add_column("keys", sa.Column("limits", _TEXT, nullable=False, server_default="[]"))
