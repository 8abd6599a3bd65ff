"""How much memory this process takes, and how much all processes of its container may take (Linux)."""

import os
from pathlib import Path

RESERVED_BYTES = 256 * 1024**2  # for the supervisor, the control process and the one that counts
PORTION = 0.9  # of a container's limit: the kernel has its part too, and it ends processes without a word
LEAST_BYTES = 128 * 1024**2  # that a worker can do with; a limit that leaves less is no guide
UNLIMITED_BYTES = 2**60  # what cgroup v1 says where there is no limit is more
STATM = Path("/proc/self/statm")
CGROUP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


def resident_bytes(statm: Path = STATM) -> int | None:
    """What this process has in memory; None where the system doesn't tell (proc(5))."""
    try:
        return int(statm.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def share_of(limit_bytes: int | None, workers: int) -> int | None:
    """What one worker may take of a container's limit; None where there is none, or one that is too small to share."""
    if limit_bytes is None:
        return None
    share = (int(limit_bytes * PORTION) - RESERVED_BYTES) // workers
    return share if share >= LEAST_BYTES else None


def container_bytes(cgroup: Path = CGROUP, mount: Path = MOUNT) -> int | None:
    """The least limit of the cgroups that this process is in (cgroups(7)); None where there is none."""
    try:
        groups = [line.split(":", 2) for line in cgroup.read_text("utf-8").splitlines()]
    except OSError:
        return None
    limits = []
    for _, controllers, path in (group for group in groups if len(group) == 3):  # noqa: PLR2004 - as it is written there
        if not controllers:
            limits += _limits_of(mount, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits_of(mount / "memory", path, "memory.limit_in_bytes")
    return min(limits, default=None)


def _limits_of(mount: Path, path: str, name: str) -> list[int]:
    """The limits of a group and of those that it is in; within a container, its own group is the mount itself."""
    group = mount / path.lstrip("/")
    limits = []
    for folder in (group, *group.parents):
        try:
            text = (folder / name).read_text("ascii").strip()
        except OSError:
            text = ""
        if text.isdigit() and int(text) < UNLIMITED_BYTES:
            limits.append(int(text))
        if folder == mount:
            break
    return limits
