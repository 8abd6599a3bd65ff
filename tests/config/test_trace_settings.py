"""The settings of traces, and of who may ask how long things take."""

import sys
from pathlib import Path

import pytest

from exeat.config.problem import SettingsError
from exeat.config.settings import read_settings

URL = "http://127.0.0.1:4318"


def problem(folder: Path, env: dict[str, str]) -> str:
    """The one thing that is wrong with these."""
    with pytest.raises(SettingsError) as raised:
        read_settings(env, folder)
    (found,) = map(str, raised.value.problems)
    return found


def test_without_any(tmp_path: Path) -> None:
    """No traces are made, and nobody is told how long things take."""
    settings = read_settings({}, tmp_path)
    assert (settings.otlp_url, settings.otlp_headers, settings.debug_token, settings.trace_sample) == (
        None, None, None, 1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (URL, f"{URL}/v1/traces"),
        (f"{URL}/", f"{URL}/v1/traces"),
        (f"{URL}/v1/traces", f"{URL}/v1/traces"),
        ("https://otlp.example/team", "https://otlp.example/team/v1/traces"),
    ],
)
def test_where_traces_go(tmp_path: Path, written: str, meant: str) -> None:
    """The standard's path is appended unless it is there (OTLP/HTTP, default path)."""
    assert read_settings({"EXEAT_OTLP_URL": written}, tmp_path).otlp_url == meant


@pytest.mark.parametrize(("written", "meant"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), (".5", 0.5), ("1.0", 1.0)])
def test_the_share(tmp_path: Path, written: str, meant: float) -> None:
    """A number from 0 to 1."""
    assert read_settings({"EXEAT_TRACE_SAMPLE": written}, tmp_path).trace_sample == meant


def test_secrets_are_secret(tmp_path: Path) -> None:
    """Neither the collector's key nor the token is in what settings show of themselves."""
    env = {"EXEAT_OTLP_URL": URL, "EXEAT_OTLP_HEADERS": "x-key=marker-1", "EXEAT_DEBUG_TOKEN": "marker-2" * 5}
    settings = read_settings(env, tmp_path)
    assert "marker" not in f"{settings!r}{settings.model_dump()}"
    assert settings.otlp_headers is not None
    assert settings.otlp_headers.reveal() == "x-key=marker-1"


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"EXEAT_OTLP_URL": "collector:4318"}, "EXEAT_OTLP_URL: write the URL of a collector"),
        ({"EXEAT_OTLP_URL": "grpc://127.0.0.1:4317"}, "EXEAT_OTLP_URL: write the URL of a collector"),
        ({"EXEAT_OTLP_URL": "http://u:p@127.0.0.1:4318"}, "keys belong in EXEAT_OTLP_HEADERS"),
        ({"EXEAT_OTLP_URL": f"{URL}?key=1"}, "keys belong in EXEAT_OTLP_HEADERS"),
        ({"EXEAT_TRACE_SAMPLE": "2"}, "EXEAT_TRACE_SAMPLE: write a number from 0 to 1"),
        ({"EXEAT_TRACE_SAMPLE": "1.01"}, "EXEAT_TRACE_SAMPLE: write a number from 0 to 1"),
        ({"EXEAT_TRACE_SAMPLE": "-1"}, "EXEAT_TRACE_SAMPLE: write a number from 0 to 1"),
        ({"EXEAT_TRACE_SAMPLE": "nan"}, "EXEAT_TRACE_SAMPLE: write a number from 0 to 1"),
        ({"EXEAT_TRACE_SAMPLE": "10%"}, "EXEAT_TRACE_SAMPLE: write a number from 0 to 1"),
        ({"EXEAT_OTLP_HEADERS": "a=b"}, "EXEAT_OTLP_URL: is missing"),
        ({"EXEAT_OTLP_URL": URL, "EXEAT_OTLP_HEADERS": "a b"}, "EXEAT_OTLP_HEADERS: write NAME=VALUE"),
        ({"EXEAT_OTLP_URL": URL, "EXEAT_OTLP_HEADERS": "a=b\r\nc: d"}, "EXEAT_OTLP_HEADERS: write NAME=VALUE"),
        ({"EXEAT_OTLP_URL": "http://10.1.1.1:4318", "EXEAT_OTLP_HEADERS": "a=b"}, "EXEAT_OTLP_URL: is http:// on"),
        ({"EXEAT_DEBUG_TOKEN": "short"}, "EXEAT_DEBUG_TOKEN: write at least 32"),
    ],
)
def test_what_is_wrong(tmp_path: Path, env: dict[str, str], says: str) -> None:
    """Each of them is refused, with what to write instead."""
    assert says in problem(tmp_path, env)


@pytest.mark.parametrize("missing", ["opentelemetry.exporter.otlp.proto.http", "opentelemetry.exporter.otlp.proto"])
def test_without_opentelemetry(tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that couldn't send traces doesn't start, and says what to install."""
    monkeypatch.delitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    assert "pip install 'exeat[otel]'" in problem(tmp_path, {"EXEAT_OTLP_URL": URL})
