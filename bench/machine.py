"""What the run ran on: processor, cores, kernel, memory."""

import os
import platform
import subprocess
from pathlib import Path

from processes import RunFailed
from testbed import Cores

# Debian builds its own optimised and doesn't say so in its configuration.
_DESCRIBE = """
import platform, sys, sysconfig
optimized = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
kind = "of the system" if sys.base_prefix == "/usr" else "optimized build" if optimized else "NOT optimized build"
print(f"{platform.python_version()}, {kind}")
"""


def describe_machine() -> list[tuple[str, str]]:
    """Name and value of each fact, for the head of the report."""
    return [
        ("Processor", _field("/proc/cpuinfo", "model name")),
        ("Cores", f"{os.cpu_count()}"),
        ("Memory", f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 1048576:.1f} GiB"),
        ("Kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("System", _field("/etc/os-release", "PRETTY_NAME", "=").strip('"')),
    ]


def describe_python(command: str | None) -> str:
    """Version and kind of build of an environment's Python: one that isn't optimised is a tenth slower or more."""
    if command is None:
        return "-"
    python = str(Path(command).with_name("python"))
    shown = subprocess.run((python, "-c", _DESCRIBE), capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def choose_cores() -> Cores:
    """The first core that this process may use for the proxy, the last for everything else."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) == 1:
        raise RunFailed("one core is not enough: proxy and load generator need one each")
    return Cores(proxy=usable[0], load=usable[-1])


def _field(file: str, name: str, separator: str = ":") -> str:
    for line in Path(file).read_text().splitlines():
        found, _, value = line.partition(separator)
        if found.strip() == name:
            return value.strip()
    return "unknown"
