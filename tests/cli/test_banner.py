"""What a gateway says when it serves."""

import json
from collections.abc import Mapping
from pathlib import Path

from exeat.cli.banner import Served, render_banner
from exeat.config.compile import load
from exeat.config.listen import parse_listens
from exeat.config.settings import read_settings

UPSTREAM = {"upstreams": {"github": {"url": "https://api.github.com"}}}


def served(
    folder: Path, listen: str, document: Mapping[str, object] | None, env: dict[str, str] | None = None
) -> Served:
    if document is not None:
        (folder / "exeat.yaml").write_text(json.dumps(document))
    settings = read_settings(env or {}, folder)
    return Served(parse_listens(listen), load(settings).snapshot, settings.document_file(), None, False, 1)  # noqa: FBT003


def test_first_step_of_nothing(tmp_path: Path) -> None:
    """Where nothing is configured, the first step is to write a document."""
    text = render_banner(served(tmp_path, "127.0.0.1:8080", None))
    assert "from nowhere: there is no exeat.yaml here" in text
    assert "Write exeat.yaml" in text
    assert "exeat demo" in text
    assert "curl" not in text


def test_sources_are_named(tmp_path: Path) -> None:
    """File and environment are both named where both say something."""
    env = {"EXEAT_UPSTREAMS__STRIPE__URL": "https://api.stripe.com"}
    assert "from exeat.yaml and the environment; revision" in render_banner(
        served(tmp_path, "127.0.0.1:8080", UPSTREAM, env)
    )


def test_the_call_fits_the_listener(tmp_path: Path) -> None:
    """The line to copy works: over a Unix socket, and for `:port` from this machine."""
    assert "curl --unix-socket /run/s http://localhost/github/" in render_banner(
        served(tmp_path, "unix:/run/s", UPSTREAM)
    )
    assert "curl http://localhost:8080/github/" in render_banner(served(tmp_path, ":8080", UPSTREAM))
    assert "  http://[::1]:8080\n" in render_banner(served(tmp_path, "[::1]:8080", UPSTREAM))


def test_a_known_key_needs_no_other(tmp_path: Path) -> None:
    """Where there is a key, nobody is told to make one."""
    consumer = {"consumers": {"web": {"keys": [{"sha256": "0" * 64}], "grants": ["github"]}}}
    text = render_banner(served(tmp_path, "127.0.0.1:8080", {**UPSTREAM, **consumer}))
    assert "1 consumer, 1 key from" in text
    assert "key create" not in text
