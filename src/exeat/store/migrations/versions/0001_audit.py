"""The audit trail: records, seals, chains, series and roll-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG = sa.BigInteger()
_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _partial(name: str, columns: list[str | sa.TextClause], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "records", columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Make the tables."""
    _create_records()
    _create_chains()
    _create_rollups()


def _create_records() -> None:
    op.create_table(
        "records",
        sa.Column("time", _BIG, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("chain", _TEXT, nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("outcome", _TEXT),
        sa.Column("consumer", _TEXT),
        sa.Column("key", _TEXT),
        sa.Column("address", _TEXT),
        sa.Column("upstream", _TEXT),
        sa.Column("origin", _TEXT),
        sa.Column("mode", _TEXT),
        sa.Column("method", _TEXT),
        sa.Column("path", _TEXT),
        sa.Column("status", sa.SmallInteger),
        sa.Column("error", _TEXT),
        sa.Column("decision", _TEXT),
        sa.Column("answered", _TEXT),
        sa.Column("duration", _BIG),
        sa.Column("bytes_in", _BIG),
        sa.Column("bytes_out", _BIG),
        sa.Column("attempts", sa.Integer),
        sa.Column("cost", _TEXT),
        sa.Column("trace", _TEXT),
        sa.Column("actor", _TEXT),
        sa.Column("action", _TEXT),
        sa.Column("object", _TEXT),
        sa.Column("body", sa.LargeBinary, nullable=False),
        postgresql_partition_by="RANGE (time)",
    )
    op.create_index("records_of_chain", "records", ["chain", "number"])
    op.create_index("records_by_time", "records", ["time", "id"])
    op.create_index("records_by_id", "records", ["id"])
    op.create_index("records_of_consumer", "records", ["consumer", "time", "status", "upstream"])
    op.create_index("records_of_upstream", "records", ["upstream", "time", "status"])
    op.create_index("records_of_status", "records", ["status", "time"])
    op.create_index("records_of_key", "records", ["key", "time"])
    _partial("records_of_error", ["error", "time"], "error IS NOT NULL")
    _partial("records_of_outcome", ["outcome", "time"], "outcome <> 'completed'")
    _partial("records_of_kind", ["kind", "time"], "kind <> 'exchange'")
    _partial("records_of_class", [sa.text("(status / 100)"), "time"], "status < 200 OR status > 299")


def _create_chains() -> None:
    op.create_table(
        "seals",
        sa.Column("arrival", _COUNTER, primary_key=True),
        sa.Column("chain", _TEXT, nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("first", _BIG, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("oldest", _BIG, nullable=False),
        sa.Column("newest", _BIG, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("checks", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("chain", "number", name="seals_of_chain"),
        sqlite_autoincrement=True,
    )
    op.create_index("seals_by_newest", "seals", ["newest"])
    op.create_table(
        "chains",
        sa.Column("chain", _TEXT, primary_key=True),
        sa.Column("batch", _BIG, nullable=False),
        sa.Column("record", _BIG, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("segment", _BIG, nullable=False),
        sa.Column("offset", _BIG, nullable=False),
        sa.Column("pruned_batch", _BIG, nullable=False),
        sa.Column("pruned_record", _BIG, nullable=False),
        sa.Column("pruned_hash", sa.LargeBinary, nullable=False),
        sa.Column("pruned_before", _BIG, nullable=False),
    )


def _create_rollups() -> None:
    labels = ("facet", "instance", "consumer", "key", "upstream", "status_class", "error", "answered")
    op.create_table(
        "series",
        sa.Column("id", _COUNTER, primary_key=True),
        *[
            sa.Column(name, sa.SmallInteger if name in {"facet", "status_class"} else _TEXT, nullable=False)
            for name in labels
        ],
        sa.UniqueConstraint(*labels, name="series_of_labels"),
    )
    op.create_table(
        "rollups",
        sa.Column("granularity", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("facet", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("start", _BIG, primary_key=True, autoincrement=False),
        sa.Column("series", _BIG, sa.ForeignKey("series.id"), primary_key=True, autoincrement=False),
        sa.Column("requests", _BIG, nullable=False),
        sa.Column("errors", _BIG, nullable=False),
        sa.Column("bytes_in", _BIG, nullable=False),
        sa.Column("bytes_out", _BIG, nullable=False),
        sa.Column("attempts", _BIG, nullable=False),
        sa.Column("cost", _TEXT),
        sa.Column("histogram", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 80},
    )
