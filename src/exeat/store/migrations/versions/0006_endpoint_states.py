"""What operators say of endpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG = sa.BigInteger()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "endpoint_states",
        sa.Column("upstream", _TEXT, primary_key=True),
        sa.Column("endpoint", _TEXT, primary_key=True),
        sa.Column("state", _TEXT),
        sa.Column("ends_at", _BIG),
        sa.Column("changed_at", _BIG, nullable=False),
        sa.Column("changed_by", _TEXT, nullable=False),
        sa.Column("why", _TEXT, nullable=False),
        sa.Column("last_reset", _BIG, nullable=False),
        sa.Column("revision", _BIG, nullable=False),
    )
