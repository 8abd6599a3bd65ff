"""Lines for standard output: a reader that doesn't read never stops the gateway, and no line is ever cut."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exeat.telemetry.lines import WAITING_LIMIT_BYTES, Lines

SMALL_PIPE_BYTES = 4096
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, which the standard library names from 3.10 on Linux only


def numbered(first: int, count: int, size: int = 100) -> list[bytes]:
    """Lines that can be told apart, of one size."""
    return [(b"%d " % number).ljust(size - 1, b"x") + b"\n" for number in range(first, first + count)]


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """A small pipe."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, SET_PIPE_SIZE, SMALL_PIPE_BYTES)
    try:
        yield reader, writer
    finally:
        for descriptor in (reader, writer):
            try:
                os.close(descriptor)
            except OSError:
                continue


def drain(reader: int) -> bytes:
    """What is in the pipe now."""
    os.set_blocking(reader, False)
    found = b""
    while True:
        try:
            data = os.read(reader, 65536)
        except BlockingIOError:
            return found
        if not data:
            return found
        found += data


def test_a_file_gets_everything(tmp_path: Path) -> None:
    """A file takes whatever is written, at once and in order."""
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    lines = Lines(descriptor)
    written = numbered(0, 50_000)
    lines.write(written[:10])
    lines.write(written[10:])
    os.close(descriptor)
    assert path.read_bytes() == b"".join(written)
    assert lines.dropped == 0


def test_a_pipe_that_is_read(tmp_path: Path) -> None:
    """What a pipe doesn't take at once waits, and goes out as it is read: nothing is lost, nothing blocks."""
    del tmp_path
    with pipe() as (reader, writer):
        lines = Lines(writer)
        written = numbered(0, 500)
        lines.write(written)
        found = b""
        for _ in range(100):
            found += drain(reader)
            lines.retry()
        assert found == b"".join(written)
        assert lines.dropped == 0


def test_a_pipe_that_nobody_reads() -> None:
    """Beyond a bound the oldest lines are dropped and counted; memory and time stay bounded."""
    with pipe() as (reader, writer):
        lines = Lines(writer)
        total = 30_000
        for first in range(0, total, 100):
            lines.write(numbered(first, 100))
        assert lines.dropped > 0
        found = b""
        for _ in range(2 * WAITING_LIMIT_BYTES // SMALL_PIPE_BYTES):
            found += drain(reader)
            lines.retry()
        got = found.split(b"\n")[:-1]
        assert len(got) + lines.dropped == total
        assert len(found) <= WAITING_LIMIT_BYTES + 2 * SMALL_PIPE_BYTES
        assert [line for line in got if len(line) != 99] == [], "a line was cut"
        numbers = [int(line.split(b" ")[0]) for line in got]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == total - 1


def test_lines_that_are_longer_than_a_write() -> None:
    """A line longer than what a pipe takes at once is put together again, even when others are dropped."""
    with pipe() as (reader, writer):
        lines = Lines(writer)
        for first in range(0, 300, 10):
            lines.write(numbered(first, 10, 10_000))
        found = b""
        for _ in range(600):
            found += drain(reader)
            lines.retry()
        got = found.split(b"\n")[:-1]
        assert {len(line) for line in got} == {9_999}
        assert len(got) + lines.dropped == 300


def test_a_reader_that_has_gone() -> None:
    """When nobody can read any more, lines are dropped and counted; nothing is raised."""
    with pipe() as (reader, writer):
        lines = Lines(writer)
        lines.write(numbered(0, 3))
        os.close(reader)
        lines.write(numbered(3, 4))
        lines.retry()
        assert lines.dropped == 4


def test_a_full_disk() -> None:
    """A device that takes nothing costs the lines, not the traffic."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no such device here")
    with full.open("wb", buffering=0) as file:
        lines = Lines(file.fileno())
        lines.write(numbered(0, 5))
        assert lines.dropped == 5


def test_nothing_to_write() -> None:
    """Without lines nothing happens."""
    with pipe() as (reader, writer):
        lines = Lines(writer)
        lines.write([])
        lines.retry()
        assert drain(reader) == b""
