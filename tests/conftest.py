"""What every test run sets up: how long hypothesis searches, and the sweep for secrets at its end."""

import os
import re
import signal

import pytest
from hypothesis import HealthCheck, settings

LONG = (
    *("tests/documentation/test_examples", "tests/end_to_end/", "tests/browser/", "tests/sdks/"),
    *("tests/faults/", "tests/state/", "tests/admin/"),
)
ENVIRONMENT = os.environ  # noqa: TID251 - the switches of a test run are not settings of Exeat

settings.register_profile(
    "fast",
    max_examples=50,
    deadline=None,  # machines that run tests are shared; pytest-timeout bounds the whole test
    derandomize="CI" in ENVIRONMENT,  # a change must not fail for what an earlier one broke
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("fast"), max_examples=20_000)
# What is searched a second time, in the compiled program.
settings.register_profile("brief", settings.get_profile("fast"), max_examples=15)
settings.load_profile(ENVIRONMENT.get("EXEAT_HYPOTHESIS", "fast"))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Tests are called the same in every run, though each makes keys of its own."""
    return re.sub("xeat_[0-9A-Za-z_]{20,}", "xeat_KEY", val) if isinstance(val, str) and "xeat_" in val else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: of two processes, none is left alone with one at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_configure(config: pytest.Config) -> None:
    """Search what the run has written for its secrets and keys, when it has ended; let programs hear of Ctrl-C."""
    # A shell has what it runs in the background ignore it, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.import_plugin("tests.support.sweep")
