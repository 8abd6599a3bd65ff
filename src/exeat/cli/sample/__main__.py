"""The process of the sample API: `python -m exeat.cli.sample`, started by `exeat demo` with instructions on stdin.

It answers with its ports in one line, and with what it counted in another when stdin ends: however its parent goes, it
goes too.
"""

import json
import sys

from exeat.cli.sample.server import Tally, start


def main() -> None:
    """Read what to do, serve, wait for the end of stdin."""
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return  # its parent went before it had said what to do
    told = json.loads(line)
    tally = Tally()
    started = start(told["certificate"], told["key"], told["secrets"], tally)
    print(json.dumps({name: service.server_port for name, service in started.items()}), flush=True)  # noqa: T201
    sys.stdin.read()
    print(json.dumps({"requests": tally.requests, "keys": tally.keys}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
