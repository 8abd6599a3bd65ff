"""Verifies an export by itself: that its records are those that were sealed, in constant memory."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from exeat.model.audit import ChainState
from exeat.store.export import Format, Progress
from exeat.store.export_lines import parse_seal
from exeat.store.export_parquet import load_pyarrow
from exeat.store.failure import StoreError
from exeat.store.gap import RESUME, Recorded, recorded_gaps
from exeat.store.seal import Fault, Numbered, Seal, check_batch
from exeat.store.verify import ChainVerdict, Verdict, find_missing

FIELD_LIMIT_BYTES = 16 * 1024 * 1024
Item = Seal | tuple[str, int, bytes]  # a seal, or a record with its chain and number
_FORMS: dict[str, Format] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def form_of(path: Path) -> Format:
    """The format that a file's name says; StoreError if none."""
    form = _FORMS.get(path.suffix)
    if form is None:
        raise StoreError(f"'{path.name}' says no format; its name has to end in {', '.join(_FORMS)}.")
    return form


def verify_export(path: Path, form: Format | None = None, *, progress: Progress | None = None) -> Verdict:
    """Verify a sealed export. StoreError if it can't be read or holds no seals.

    Each chain is taken from where the export begins; that the file begins or ends where it should can't be seen in it.
    A gap needs a record in the same file that speaks of it.
    """
    form = form or form_of(path)
    walks: dict[str, _Walk] = {}
    done = 0
    with _open(path) as file:
        for item in _read(file, form):
            chain = item.chain if isinstance(item, Seal) else item[0]
            walk = walks.setdefault(chain, _Walk(chain))
            if isinstance(item, Seal):
                walk.put_seal(item)
            else:
                walk.put_record(item[1], item[2])
                done += 1
                if progress is not None and done % 1000 == 0:
                    progress(done)
    if not any(walk.has_seals for walk in walks.values()):
        raise StoreError(f"{path} holds no seals: it was exported without them, and can't be verified.")
    ordered = [walk for _, walk in sorted(walks.items())]
    for walk in ordered:
        walk.finish()
    recorded = frozenset(gap for walk in ordered for gap in walk.resumptions)
    return Verdict(tuple(walk.verdict(recorded) for walk in ordered))


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}.") from error


class _Walk:
    """The way through one chain of an export: a seal, and then its records."""

    def __init__(self, chain: str) -> None:
        self.has_seals = False
        self._chain = chain
        self._begin = ChainState()
        self._state = ChainState()
        self._seal: Seal | None = None
        self._records: list[Numbered] = []
        self._batches = 0
        self._done = 0
        self._fault: Fault | None = None
        self._gaps: list[Seal] = []
        self.resumptions: Recorded = frozenset()

    def put_seal(self, seal: Seal) -> None:
        """Take the next batch; the one before is whole now."""
        if not self.has_seals:
            self.has_seals = True
            self._begin = self._state = ChainState(seal.number - 1, seal.first - 1, seal.previous)
        self.finish()
        self._seal = seal

    def put_record(self, number: int, body: bytes) -> None:
        """Take a record of the batch."""
        if self._seal is None:
            if self._fault is None:
                sentence = f"Record {number} of chain {self._chain} comes without a seal: it was inserted."
                self._fault = Fault(self._chain, self._state.batch + 1, number, sentence)
        elif len(self._records) <= self._seal.size:
            self._records.append((number, body))

    def finish(self) -> None:
        """The batch is whole."""
        seal, records = self._seal, self._records
        self._seal, self._records = None, []
        if seal is None or self._fault is not None:
            return
        self._fault = check_batch(self._state, seal, records)
        if self._fault is not None:
            return
        self._state = seal.state
        if seal.is_gap:
            self._gaps.append(seal)
            return
        self._batches += 1
        self._done += len(records)
        for _, body in records:
            if _RESUMES in body:
                self.resumptions |= recorded_gaps(body)

    def verdict(self, recorded: Recorded) -> ChainVerdict:
        """What was found; `recorded` is what records in the file say is missing."""
        missing, fault = find_missing(self._gaps, recorded)
        return ChainVerdict(
            self._chain, self._batches, self._done, self._state, self._begin, None, self._fault or fault, missing
        )


_RESUMES = b'"action":"%b","object":"%b"' % (RESUME[0].encode(), RESUME[1].encode())


def _read(file: BinaryIO, form: Format) -> Iterator[Item]:
    match form:
        case "jsonl":
            return _read_lines(file)
        case "csv":
            return _read_csv(file)
        case "parquet":
            return _read_parquet(file)


def _read_lines(file: BinaryIO) -> Iterator[Item]:
    for place, line in enumerate(file, 1):
        try:
            members = orjson.loads(line)
            if "seal" in members:
                yield parse_seal(members["seal"])
                continue
            chain, number = members["chain"], members["number"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"Line {place} of the export can't be read: {error}.") from error
        # The record's own bytes: from behind the members before it up to the last bracket.
        head = b'{"chain":%b,"number":%d,"record":' % (orjson.dumps(chain), number)
        if not line.startswith(head):
            raise StoreError(f"Line {place} of the export can't be read: its members aren't in their order.")
        yield chain, number, line[len(head) :].rstrip(b"\r\n").removesuffix(b"}")


def _read_csv(file: BinaryIO) -> Iterator[Item]:
    csv.field_size_limit(FIELD_LIMIT_BYTES)
    text = io.TextIOWrapper(file, "utf-8", newline="")
    reader = csv.DictReader(text)
    try:
        for row in reader:
            try:
                yield _item_of(row["type"], row["chain"], int(row["number"]), row["record"])
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(f"Line {reader.line_num} of the export can't be read: {error}.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise StoreError(f"The export can't be read: {error}.") from error
    finally:
        text.detach()


def _read_parquet(file: BinaryIO) -> Iterator[Item]:
    arrow, parquet = load_pyarrow()
    try:
        opened = parquet.ParquetFile(file)
        for batch in opened.iter_batches(batch_size=1000, columns=["type", "chain", "number", "record"]):
            for row in batch.to_pylist():
                yield _item_of(row["type"], row["chain"], row["number"], row["record"])
    except (arrow.ArrowException, OSError, ValueError, TypeError) as error:
        raise StoreError(f"The export can't be read: {error}.") from error


def _item_of(kind: str, chain: str, number: int, record: str) -> Item:
    return parse_seal(orjson.loads(record)) if kind == "seal" else (chain, number, record.encode())
