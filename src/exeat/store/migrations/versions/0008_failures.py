"""An index of what has failed, for whatever reason, in the order of time."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the index."""
    where = sa.text("error IS NOT NULL OR status >= 400")
    op.create_index("records_of_failures", "records", ["time", "id"], sqlite_where=where, postgresql_where=where)
