"""What a process costs, as Linux counts it (proc(5)): the worker's while it is attacked."""

import os
from pathlib import Path


class Watched:
    """One process of the gateway."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self.pid = pid

    @property
    def peak_kib(self) -> int:
        """The most that it held since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begin to look for the peak anew."""
        (self._folder / "clear_refs").write_text("5", "ascii")

    @property
    def files(self) -> int:
        """How many descriptors it has open: every connection is one."""
        return len(list((self._folder / "fd").iterdir()))

    @property
    def busy_s(self) -> float:
        """The processor's time that it has used."""
        fields = (self._folder / "stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        text = (self._folder / "status").read_text("utf-8")
        return int(text.partition(f"{name}:")[2].split()[0])
