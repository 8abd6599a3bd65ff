"""A worker between connections in memory that keeps a real journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exeat.journal.writer import Journal
from exeat.model.snapshot import Snapshot
from exeat.proxy.record import interrupted
from tests.support.playbook import Stage, plain
from tests.support.transports import MemoryLoop

CHAIN = "0199f4e8c1d2/worker-1"


@contextmanager
def journalled(folder: Path, configuration: Snapshot | None = None) -> Iterator[Stage]:
    """A stage whose worker keeps a journal in a folder."""
    loop = MemoryLoop()
    stages: list[Stage] = []

    def open_intents() -> list[bytes]:
        return [exchange.intent for exchange in stages[0].worker.active if exchange.intent] if stages else []

    journal = Journal(folder, CHAIN, open_intents, interrupted=interrupted, segment_bytes=1024 * 1024, clock=loop.time)
    stage = Stage(loop, configuration or plain(), journal=journal)
    stages.append(stage)
    try:
        yield stage
        stage.end()
    finally:
        stage.close()
        loop.close()
