"""`exeat version`: what is installed here."""

import platform

from exeat import __version__
from exeat.cli.output import FINE, say, say_json


def version(*, as_json: bool) -> int:
    """Print the versions of Exeat and of what it runs on."""
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
    if as_json:
        say_json(facts)
    else:
        say(f"exeat {__version__} (Python {facts['python']}, {facts['system']} {facts['machine']})")
    return FINE
