"""The audit trail's tables. migrations/ makes them; a test holds that both say the same.

Times are whole microseconds since 1970, UTC. Text is compared by its bytes, so that both databases sort alike.
`records` holds each record's own bytes in `body`: they alone are hashed; the other columns are read from them.
On PostgreSQL it is partitioned by the day of `time`, see partitions.py.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

metadata = MetaData()

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
BIG = BigInteger()
COUNTER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts only in a column declared INTEGER

STATUS_CLASS = "(status / 100)"
NOT_SUCCESSFUL = "status < 200 OR status > 299"
FAILED = "error IS NOT NULL OR status >= 400"  # what figures call a failure, see rollup.py


def _rare(name: str, condition: str, *columns: str | TextClause) -> Index:
    """An index of the records alone that meet a condition."""
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


records = Table(
    "records",
    metadata,
    Column("time", BIG, nullable=False),
    Column("id", TEXT, nullable=False),
    Column("chain", TEXT, nullable=False),
    Column("number", BIG, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("outcome", TEXT),
    Column("consumer", TEXT),
    Column("key", TEXT),
    Column("address", TEXT),
    Column("upstream", TEXT),
    Column("origin", TEXT),
    Column("mode", TEXT),
    Column("method", TEXT),
    Column("path", TEXT),
    Column("status", SmallInteger),
    Column("error", TEXT),
    Column("decision", TEXT),
    Column("answered", TEXT),
    Column("duration", BIG),  # µs
    Column("bytes_in", BIG),
    Column("bytes_out", BIG),
    Column("attempts", Integer),
    Column("cost", TEXT),  # "0.005 USD"
    Column("trace", TEXT),
    Column("actor", TEXT),
    Column("action", TEXT),
    Column("object", TEXT),
    Column("body", LargeBinary, nullable=False),
    # The partition's column has to be in every unique index; a number that comes twice is what verify finds.
    Index("records_of_chain", "chain", "number"),
    Index("records_by_time", "time", "id"),
    Index("records_by_id", "id"),
    # Status and upstream stand in the index itself: a search for two or three of them that finds little reads no row.
    Index("records_of_consumer", "consumer", "time", "status", "upstream"),
    Index("records_of_upstream", "upstream", "time", "status"),
    Index("records_of_status", "status", "time"),
    Index("records_of_key", "key", "time"),
    # What is rare among exchanges is found without a place in the index for each of them.
    _rare("records_of_error", "error IS NOT NULL", "error", "time"),
    _rare("records_of_outcome", "outcome <> 'completed'", "outcome", "time"),
    _rare("records_of_kind", "kind <> 'exchange'", "kind", "time"),
    _rare("records_of_class", NOT_SUCCESSFUL, text(STATUS_CLASS), "time"),
    _rare("records_of_failures", FAILED, "time", "id"),
    postgresql_partition_by="RANGE (time)",
)

seals = Table(
    "seals",
    metadata,
    Column("arrival", COUNTER, primary_key=True),  # in the order of commits: what a tail follows
    Column("chain", TEXT, nullable=False),
    Column("number", BIG, nullable=False),
    Column("first", BIG, nullable=False),
    Column("size", Integer, nullable=False),
    Column("oldest", BIG, nullable=False),  # the least time of its records
    Column("newest", BIG, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("checks", LargeBinary, nullable=False),  # CRC-32 of each record: which one it is, when the hash is wrong
    UniqueConstraint("chain", "number", name="seals_of_chain"),
    Index("seals_by_newest", "newest"),
    sqlite_autoincrement=True,  # after a prune no number comes again: a tail would take it for one it has seen
)

# Where each chain stands, where its journal is read on, and up to where it was pruned.
chains = Table(
    "chains",
    metadata,
    Column("chain", TEXT, primary_key=True),
    Column("batch", BIG, nullable=False),
    Column("record", BIG, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("segment", BIG, nullable=False),
    Column("offset", BIG, nullable=False),
    Column("pruned_batch", BIG, nullable=False),
    Column("pruned_record", BIG, nullable=False),
    Column("pruned_hash", LargeBinary, nullable=False),
    Column("pruned_before", BIG, nullable=False),
)

# What roll-ups count by. '' is where a record has nothing to say: a unique constraint holds no two alike.
series = Table(
    "series",
    metadata,
    Column("id", COUNTER, primary_key=True),
    Column("facet", SmallInteger, nullable=False),
    Column("instance", TEXT, nullable=False),
    Column("consumer", TEXT, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("upstream", TEXT, nullable=False),
    Column("status_class", SmallInteger, nullable=False),  # 2 for 2xx, 0 without a status
    Column("error", TEXT, nullable=False),
    Column("answered", TEXT, nullable=False),  # by "upstream", "gateway" or "cache"
    UniqueConstraint(
        "facet", "instance", "consumer", "key", "upstream", "status_class", "error", "answered", name="series_of_labels"
    ),
)

rollups = Table(
    "rollups",
    metadata,
    Column("granularity", SmallInteger, primary_key=True, autoincrement=False),  # 0 minute, 1 hour, 2 day
    Column("facet", SmallInteger, primary_key=True, autoincrement=False),  # that of its series: a view reads one alone
    Column("start", BIG, primary_key=True, autoincrement=False),
    Column("series", BIG, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("requests", BIG, nullable=False),
    Column("errors", BIG, nullable=False),
    Column("bytes_in", BIG, nullable=False),
    Column("bytes_out", BIG, nullable=False),
    Column("attempts", BIG, nullable=False),
    Column("cost", TEXT),  # "1.25 EUR,0.005 USD", exact
    Column("histogram", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 80},  # the next version of a row finds room beside it, and no index changes
)

# Events that wait for a webhook to take them; they go when it has, or when their time is over.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("webhook", TEXT, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BIG, nullable=False),
    Index("deliveries_by_due_at", "webhook", "due_at"),
)

# Bodies that are kept beside their records, sealed; they go before the records do.
bodies = Table(
    "bodies",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("side", TEXT, primary_key=True),
    Column("expires", BIG, nullable=False),  # seconds since 1970
    Column("sealed", LargeBinary, nullable=False),
    Index("bodies_by_expires", "expires"),
)
