"""`python -m exeat.cli.control DESCRIPTOR`: started by the supervisor and by nobody else."""

import asyncio
import os
import socket
import sys

from exeat.cli.control.process import Process


def main() -> None:
    """Run the process on the descriptor given by the supervisor."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)  # noqa: FBT003 - the standard library's signature
    process = Process(channel)
    try:
        code = asyncio.run(process.run())
    except Exception as error:  # noqa: BLE001 - the outermost boundary: the supervisor starts another one
        process.report(error)
        code = 1
    sys.stderr.flush()
    os._exit(code)  # a thread may hang in the database: what it holds is safe


if __name__ == "__main__":
    main()
