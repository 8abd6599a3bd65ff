"""CPU time and memory of a process tree, and how busy a core was, all read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def process_tree(pid: int) -> list[int]:
    """The process and all its living descendants."""
    tree = [pid]
    for member in tree:
        tree.extend(_children(member))
    return tree


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _listed(_PROC / str(pid) / "task"):
        found.extend(int(child) for child in _text(task / "children").split())
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree, with what its already reaped children used."""
    return sum(_own_cpu_seconds(member) for member in process_tree(pid))


def cpu_seconds_of(pid: int, argument: str) -> float:
    """As cpu_seconds, of those processes of the tree alone that were started with an argument."""
    return sum(_own_cpu_seconds(member) for member in process_tree(pid) if _has_argument(member, argument))


def _has_argument(pid: int, argument: str) -> bool:
    return argument in _text(_PROC / str(pid) / "cmdline").split("\0")


def _own_cpu_seconds(pid: int) -> float:
    # The command name may hold spaces and brackets: fields are counted from the last bracket.
    # proc(5): utime, stime, cutime, cstime are fields 14 to 17.
    fields = _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S if fields else 0.0


def resident_bytes(pid: int) -> int:
    """Proportional set size of the tree: pages shared by its processes count once."""
    return sum(_kib_field(member, "smaps_rollup", "Pss:") for member in process_tree(pid)) * 1024


def reset_peak(pid: int) -> None:
    """Make the kernel forget the tree's peak memory so far (proc(5), clear_refs, value 5)."""
    for member in process_tree(pid):
        (_PROC / str(member) / "clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """Sum of each process's peak resident set since reset_peak; shared pages count each time."""
    return sum(_kib_field(member, "status", "VmHWM:") for member in process_tree(pid)) * 1024


def _kib_field(pid: int, file: str, name: str) -> int:
    for line in _text(_PROC / str(pid) / file).splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


@dataclass(frozen=True, slots=True)
class CoreTime:
    """Seconds since boot that a core was busy, and that the hypervisor took from it."""

    busy_s: float
    stolen_s: float


def core_time(core: int) -> CoreTime:
    for line in _text(_PROC / "stat").splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            busy = user + nice + system + irq + softirq
            return CoreTime(busy / _TICKS_PER_S, steal / _TICKS_PER_S)
    raise RuntimeError(f"/proc/stat knows no cpu{core}")


def _text(path: Path) -> str:
    """The file's text, or nothing where its process has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []
