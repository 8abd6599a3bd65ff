"""How much memory a worker may take: what the system says of it, and what a container allows."""

from pathlib import Path

import pytest

from exeat.cli.memory import container_bytes, resident_bytes, share_of

MIB = 1024**2


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """Where cgroups are mounted."""
    for folder in ("pod/app", "memory/pod/app"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def limit_of(mount: Path, group: str) -> int | None:
    """What a process in a group may take."""
    file = mount / "cgroup"
    file.write_text(group)
    return container_bytes(file, mount)


def test_the_least_limit_on_the_way_up(mount: Path) -> None:
    """Of a group and those it is in, the tightest counts; `max` is none."""
    assert limit_of(mount, "0::/pod/app\n") is None
    (mount / "pod/app/memory.max").write_text("max\n")
    (mount / "pod/memory.max").write_text(f"{512 * MIB}\n")
    assert limit_of(mount, "0::/pod/app\n") == 512 * MIB
    (mount / "pod/app/memory.max").write_text(f"{256 * MIB}\n")
    assert limit_of(mount, "0::/pod/app\n") == 256 * MIB
    assert limit_of(mount, "0::/pod\n") == 512 * MIB


def test_within_a_container(mount: Path) -> None:
    """There its own group is the mount itself, whatever path it is called by."""
    (mount / "memory.max").write_text(f"{300 * MIB}\n")
    assert limit_of(mount, "0::/\n") == 300 * MIB
    assert limit_of(mount, "0::/not/to/be/seen\n") == 300 * MIB


def test_the_first_version(mount: Path) -> None:
    """The first version (cgroup v1) has a hierarchy for memory, and a huge number for no limit."""
    group = "5:cpu,cpuacct:/pod/app\n4:memory:/pod/app\n"
    (mount / "memory/pod/app/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert limit_of(mount, group) is None
    (mount / "memory/pod/app/memory.limit_in_bytes").write_text(f"{128 * MIB}\n")
    assert limit_of(mount, group) == 128 * MIB


def test_where_there_are_no_cgroups(tmp_path: Path) -> None:
    """No file, no limit."""
    assert container_bytes(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(
    ("limit", "workers", "share"),
    [(None, 1, None), (1024, 1, 665), (1024, 2, 332), (1024, 4, 166), (1024, 8, None), (256, 1, None)],
)
def test_a_workers_share(limit: int | None, workers: int, share: int | None) -> None:
    """What the other processes and the kernel need is left out; too little to share is no limit at all."""
    found = share_of(None if limit is None else limit * MIB, workers)
    assert (None if found is None else found // MIB) == share


def test_what_a_process_takes(tmp_path: Path) -> None:
    """More than nothing here; where the system doesn't say, nobody knows."""
    assert (resident_bytes() or 0) > MIB
    assert resident_bytes(tmp_path / "none") is None
    (tmp_path / "statm").write_text("\n")
    assert resident_bytes(tmp_path / "statm") is None
