"""How many files a process may have open, of which every connection is one."""

import contextlib
import resource

OWN = 64  # listeners, logs, the channel between supervisor and worker, certificates while they are read
ENOUGH = 1_048_576


def allow_open_files() -> int:
    """Raise this process's limit, which its workers inherit, to what the system lets it be; the limit from then on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # some systems promise more than they give
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


def connections_within(files: int) -> int:
    """How many callers fit if each of them has a connection to an upstream too."""
    return max((files - OWN) // 2, 1)
