"""Bodies that are kept beside their records."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "bodies",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("side", _TEXT, primary_key=True),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("bodies_by_expires", "bodies", ["expires"])
