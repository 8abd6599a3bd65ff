"""One target under the engine, in a process of its own: `python -m fuzz.engine TARGET [arguments of libFuzzer]`."""

import sys
from importlib import import_module

NOT_THERE = (
    "Fuzzing needs atheris, which isn't installed: there are wheels of it for CPython on Linux x86-64 alone, and a new"
    " version of Python may have none yet."
)


def main() -> None:
    """Run the target that the command line names; ends the process."""
    target, *arguments = sys.argv[1:]
    try:
        import atheris  # noqa: PLC0415 - elsewhere the targets run without it
    except ImportError:
        sys.exit(NOT_THERE)
    with atheris.instrument_imports(include=["exeat"]):
        check = import_module(f"fuzz.targets.{target}").check
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
