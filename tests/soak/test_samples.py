"""What grows is told from what doesn't, whatever noise there is."""

import random

import pytest

from tests.soak.samples import MOST_BYTES, MOST_DESCRIPTORS, Growth, Sample, judge

LENGTH = 600
MIB = 2**20
SIZE = 50 * MIB


def run(rate_bytes: float = 0.0, rate_descriptors: float = 0.0, warm_bytes: int = 0) -> Growth:
    """The verdict on a process that takes so much more each second, and as much more at once within the first third."""
    chance = random.Random(1)  # noqa: S311 - noise
    samples = [
        Sample(
            float(at),
            "worker-1",
            round(SIZE + rate_bytes * at + warm_bytes * min(1.0, at / 200) + chance.uniform(-MIB, MIB)),
            round(40 + rate_descriptors * at + chance.uniform(-15, 15)),
        )
        for at in range(LENGTH)
    ]
    (growth,) = judge(samples)
    return growth


def test_noise_is_flat() -> None:
    """What goes up and down isn't growth."""
    assert run().is_flat


def test_warming_up_is_flat() -> None:
    """What was taken in the first half doesn't count."""
    assert run(warm_bytes=100 * MIB).is_flat


def test_growing_memory_is_found() -> None:
    """A leak of twice what is allowed in the second half is found, by as much as it was."""
    found = run(rate_bytes=2 * MOST_BYTES / (LENGTH / 2))
    assert not found.is_flat
    assert found.grown_bytes == pytest.approx(2 * MOST_BYTES, rel=0.2)


def test_growing_number_of_descriptors_is_found() -> None:
    """So are descriptors that nobody closes."""
    assert not run(rate_descriptors=2 * MOST_DESCRIPTORS / (LENGTH / 2)).is_flat


def test_each_process_is_judged() -> None:
    """One that grows isn't hidden by others that shrink."""
    samples = [
        Sample(float(at), name, round(SIZE + sign * at * MIB), 10)
        for at in range(LENGTH)
        for name, sign in (("worker-1", 1), ("worker-2", -0.05))
    ]
    assert [one.is_flat for one in judge(samples)] == [False, True]


def test_too_few_samples() -> None:
    """Of a run that is too short nothing is said."""
    with pytest.raises(ValueError, match="10 samples in the second half, 48 are needed"):
        judge([Sample(float(at), "control", SIZE, 10) for at in range(20)])
