"""What sealing costs: microseconds to seal and to open values of some sizes, and to make or unwrap a data key.

.venv/bin/python bench/seal.py
"""

import os
import timeit
from collections.abc import Callable
from functools import partial

from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer

SIZES = (64, 1024, 16 * 1024, 64 * 1024, 1024 * 1024)
ROUNDS = 7
ROUND_S = 0.1
CONTEXT = b"body:0199f4e8-c1d2-7000-8000-000000000000:request"
LIVES = 1000  # more data keys than a sealer keeps


def microseconds(work: Callable[[], object]) -> float:
    """The best of some rounds: what else the machine did is in the others."""
    once = max(timeit.timeit(work, number=3) / 3, 1e-7)
    number = max(1, int(ROUND_S / once))
    return min(timeit.repeat(work, number=number, repeat=ROUNDS)) / number * 1e6


def measure_values(sealer: Sealer) -> None:
    """Print a line for each size."""
    print(f"{'bytes':>9} {'seal µs':>9} {'open µs':>9}")
    for size in SIZES:
        value = os.urandom(size)
        sealed = sealer.seal(value, CONTEXT)
        seal = microseconds(partial(sealer.seal, value, CONTEXT))
        back = microseconds(partial(sealer.open, sealed, CONTEXT))
        print(f"{size:>9} {seal:>9.2f} {back:>9.2f}")


def measure_keys(keyring: Keyring) -> None:
    """Print what a data key costs: to make, and to unwrap with a value of another life."""
    sealed = [Sealer(keyring).seal(b"value", CONTEXT) for _ in range(LIVES)]
    sealer = Sealer(keyring)

    def open_all() -> None:
        for each in sealed:
            sealer.open(each, CONTEXT)

    print(f"a new data key: {microseconds(sealer.renew):.2f} µs")
    print(f"a value of another life, its data key not kept: {microseconds(open_all) / LIVES:.2f} µs")


def main() -> None:
    """Measure and print."""
    keyring = Keyring(MasterKey.make())
    measure_values(Sealer(keyring))
    measure_keys(keyring)


if __name__ == "__main__":
    main()
