"""Settings: the environment, `.env`, and what may not be combined."""

import traceback
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from exeat.config.listen import Listen
from exeat.config.problem import SettingsError
from exeat.config.settings import read_settings
from exeat.model.admin_token import make_token
from exeat.model.limits import DEFAULT, Limits
from exeat.vault.keyring import MasterKey


def problems(directory: Path, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(variables, directory)
    return [str(problem) for problem in caught.value.problems]


def test_defaults(tmp_path: Path) -> None:
    """Without a variable the gateway listens on loopback with one worker."""
    settings = read_settings({}, tmp_path)
    assert settings.listen == (Listen("127.0.0.1", 8080),)
    assert settings.control_listen == Listen("127.0.0.1", 8081)
    assert (settings.workers, settings.drain_s, settings.log_level, settings.log_format) == (1, 30.0, "info", "auto")
    assert settings.document_file() is None


def test_values(tmp_path: Path) -> None:
    """Each variable sets its field."""
    settings = read_settings(
        {
            "EXEAT_LISTEN": ":8443,unix:/run/x",
            "EXEAT_TLS": "off",
            "EXEAT_WORKERS": "auto",
            "EXEAT_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "EXEAT_LOG_LEVEL": "DEBUG",
            "EXEAT_DRAIN_S": "1.5",
            "EXEAT_DATA_DIR": "/var/lib/exeat",
        },
        tmp_path,
    )
    assert settings.listen == (Listen("", 8443), Listen(path="/run/x"))
    assert settings.workers >= 1
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert (settings.log_level, settings.drain_s, settings.data_dir) == ("debug", 1.5, Path("/var/lib/exeat"))


def test_limits(tmp_path: Path) -> None:
    """Each limit of a worker has a variable; the number of callers depends on the open files unless it is said."""
    assert read_settings({}, tmp_path).limits(500) == replace(DEFAULT, connections=500)
    assert read_settings({}, tmp_path).limits(50_000) == DEFAULT
    settings = read_settings(
        {
            "EXEAT_MAX_CONNECTIONS": "20_000",
            "EXEAT_MAX_HEAD_BYTES": "65536",
            "EXEAT_MAX_LINE_BYTES": "16384",
            "EXEAT_MAX_FIELDS": "200",
            "EXEAT_MAX_BUFFER_BYTES": "1_048_576",
            "EXEAT_HEAD_TIMEOUT_S": "10",
            "EXEAT_BODY_TIMEOUT_S": "20s",
            "EXEAT_KEEP_ALIVE_S": "5.5",
            "EXEAT_UPSTREAM_CONNECTIONS": "7",
            "EXEAT_UPSTREAM_KEEP_ALIVE_S": "3",
            "EXEAT_MAX_IN_FLIGHT": "300",
            "EXEAT_MAX_MEMORY": "512MiB",
        },
        tmp_path,
    )
    limits = Limits(16384, 65536, 200, 10.0, 20.0, 5.5, 20_000, 7, 3.0, 1_048_576, 900, 300, 512 * 1024**2)
    assert settings.limits(500, open_connections=900, memory_bytes=5) == limits
    assert read_settings({"EXEAT_MAX_CONNECTIONS": "auto"}, tmp_path).limits(9) == replace(DEFAULT, connections=9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXEAT_MAX_CONNECTIONS", "0"),
        ("EXEAT_MAX_CONNECTIONS", "many"),
        ("EXEAT_MAX_HEAD_BYTES", "32KiB"),
        ("EXEAT_MAX_HEAD_BYTES", "1023"),
        ("EXEAT_MAX_FIELDS", "-1"),
        ("EXEAT_MAX_FIELDS", "\u0661\u0660\u0660"),
        ("EXEAT_MAX_BUFFER_BYTES", "1e6"),
        ("EXEAT_UPSTREAM_CONNECTIONS", "0"),
        ("EXEAT_HEAD_TIMEOUT_S", "forever"),
        ("EXEAT_MAX_IN_FLIGHT", "0"),
        ("EXEAT_MAX_MEMORY", "512"),
        ("EXEAT_MAX_MEMORY", "512MB"),
        ("EXEAT_MAX_MEMORY", "31MiB"),
        ("EXEAT_MAX_MEMORY", "2000GiB"),
        ("EXEAT_DRAIN_DELAY_S", "-1"),
        ("EXEAT_DRAIN_STREAMS_S", "long"),
        ("EXEAT_STUCK_S", "never"),
    ],
)
def test_a_limit_that_is_none(tmp_path: Path, name: str, value: str) -> None:
    """What isn't a number within bounds is refused, with the bounds."""
    (line,) = problems(tmp_path, **{name: value})
    assert line.startswith(f"{name}: write a ")


@pytest.mark.parametrize(
    ("written", "shared", "bound"),
    [(None, 7, 7), ("auto", 7, 7), ("auto", None, None), ("off", 7, None), ("2GiB", None, 2 * 1024**3)],
)
def test_memory(tmp_path: Path, written: str | None, shared: int | None, bound: int | None) -> None:
    """A worker's memory is bounded by what is written, or by its share of what the container may take."""
    settings = read_settings({} if written is None else {"EXEAT_MAX_MEMORY": written}, tmp_path)
    assert settings.limits(9, memory_bytes=shared).memory_bytes == bound


def test_exchanges_under_way_may_have_no_bound(tmp_path: Path) -> None:
    """Without a number, and with `off`, there is none."""
    for written in ({}, {"EXEAT_MAX_IN_FLIGHT": "off"}):
        assert read_settings(written, tmp_path).limits(9).in_flight is None


def test_streams_drain_as_long_as_the_rest(tmp_path: Path) -> None:
    """Unless a limit of their own is written, which may be longer or shorter."""
    assert read_settings({"EXEAT_DRAIN_S": "7"}, tmp_path).streams_s == 7
    for written in ("3", "600"):
        given = {"EXEAT_DRAIN_S": "7", "EXEAT_DRAIN_STREAMS_S": written}
        assert read_settings(given, tmp_path).streams_s == float(written)


def test_a_line_is_a_part_of_the_head(tmp_path: Path) -> None:
    """A request line may not be longer than the head that it stands in."""
    (line,) = problems(tmp_path, EXEAT_MAX_HEAD_BYTES="2048")
    assert line.startswith("EXEAT_MAX_LINE_BYTES: is more than EXEAT_MAX_HEAD_BYTES")


def test_dotenv_gives_way_to_the_environment(tmp_path: Path) -> None:
    """A variable of the process wins over the same one in `.env`."""
    (tmp_path / ".env").write_text("EXEAT_WORKERS=3\nEXEAT_LOG_FORMAT=json\n")
    settings = read_settings({"EXEAT_WORKERS": "2"}, tmp_path)
    assert (settings.workers, settings.log_format) == (2, "json")


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Every wrong setting is named in one go, one line each."""
    found = problems(tmp_path, EXEAT_WORKERS="many", EXEAT_LISTEN="8080", EXEAT_TLS="maybe", EXEAT_LOGLEVEL="info")
    assert sorted(line.partition(":")[0] for line in found) == [
        "EXEAT_LISTEN",
        "EXEAT_LOGLEVEL",
        "EXEAT_TLS",
        "EXEAT_WORKERS",
    ]
    assert any("did you mean 'EXEAT_LOG_LEVEL'?" in line for line in found)


def test_settings_of_other_versions_are_unknown(tmp_path: Path) -> None:
    """A setting that nothing acts on isn't accepted in silence."""
    assert "isn't a setting" in problems(tmp_path, EXEAT_CACHE_URL="x")[0]


@pytest.mark.parametrize("value", ["short", "x" * 31, "spaces " * 8, "ä" * 40])
def test_token_that_could_be_guessed(tmp_path: Path, value: str) -> None:
    """An administrator's token is long, and fits into a field."""
    assert problems(tmp_path, EXEAT_ADMIN_TOKEN=value) == [
        "EXEAT_ADMIN_TOKEN: write at least 32 visible ASCII characters, as from: openssl rand -hex 32"
    ]


@pytest.mark.parametrize("name", ["EXEAT_ADMIN_TOKEN", "EXEAT_CONTROL_TOKEN"])
def test_token_that_is_mistyped(tmp_path: Path, name: str) -> None:
    """What begins like a token of Exeat's making is one, whole: a copy that lacks some is told at the start."""
    token = make_token(lambda count: "a" * count).token.reveal()
    assert problems(tmp_path, **{name: token[:-1]}) == [
        f"{name}: it begins like a token of Exeat, but its check is wrong: copy it again, or write another one"
    ]
    assert read_settings({name: token}, tmp_path).directory == tmp_path


def test_no_control_listener(tmp_path: Path) -> None:
    """`off` opens none; on an address that others reach it needs TLS as the gateway does."""
    assert read_settings({"EXEAT_CONTROL_LISTEN": "off"}, tmp_path).control_listen is None
    (problem,) = problems(tmp_path, EXEAT_CONTROL_LISTEN="0.0.0.0:8081")
    assert problem.startswith("EXEAT_CONTROL_LISTEN: 0.0.0.0:8081 can be reached from other machines")


@pytest.mark.parametrize(
    "url", ["postgresql://exeat:s3cr3t-marker@db.internal/exeat", "sqlite:////var/lib/s3cr3t-marker.db"]
)
def test_a_database(tmp_path: Path, url: str) -> None:
    """The database's URL holds a password: it can be read by who means to, and stands in nothing that is shown."""
    settings = read_settings({"EXEAT_DATABASE_URL": f" {url} "}, tmp_path)
    assert settings.database_url is not None
    assert settings.database_url.reveal() == url
    shown = (repr(settings), str(settings), repr(settings.environment()), settings.model_dump_json())
    assert not any("s3cr3t" in text for text in (*shown, repr(settings.model_dump())))
    assert read_settings({"EXEAT_DATABASE_URL": ""}, tmp_path).database_url is None


@pytest.mark.parametrize(
    "url",
    ["postgres://u:s3cr3t@h/d", "mysql://u:s3cr3t@h/d", "sqlite:s3cr3t.db", "s3cr3t", "POSTGRESQL://u:s3cr3t@h/d"],
)
def test_a_database_of_another_kind(tmp_path: Path, url: str) -> None:
    """What isn't a database that Exeat knows is refused with what to write, and without what was written."""
    (line,) = problems(tmp_path, EXEAT_DATABASE_URL=url)
    assert line.startswith("EXEAT_DATABASE_URL: write postgresql://")
    with pytest.raises(SettingsError) as caught:
        read_settings({"EXEAT_DATABASE_URL": url}, tmp_path)
    trace = "".join(traceback.format_exception(caught.value))
    assert "s3cr3t" not in line + trace + repr(caught.value.problems)


def test_a_database_beside_other_problems(tmp_path: Path) -> None:
    """Problems of other settings don't show it either."""
    found = problems(tmp_path, EXEAT_DATABASE_URL="postgresql://u:s3cr3t@h/d", EXEAT_WORKERS="many", EXEAT_TLS_KEY="x")
    assert "s3cr3t" not in "".join(found)


def test_redis(tmp_path: Path) -> None:
    """The URL of Redis holds a password, too: it stands in nothing that is shown, neither right nor wrong."""
    url = "rediss://exeat:s3cr3t-marker@cache.internal:6379/0"
    settings = read_settings({"EXEAT_REDIS_URL": f" {url} "}, tmp_path)
    assert settings.redis_url is not None
    assert settings.redis_url.reveal() == url
    assert "s3cr3t" not in "".join((repr(settings), repr(settings.model_dump()), settings.model_dump_json()))
    (line,) = problems(tmp_path, EXEAT_REDIS_URL="redis://exeat:s3cr3t@one,two")
    assert line.startswith("EXEAT_REDIS_URL: names several servers; write redis+cluster://")
    assert "s3cr3t" not in line


def test_a_keyring(tmp_path: Path) -> None:
    """Master keys, or their file, can be read by who means to, and stand in nothing that is shown."""
    one, two = MasterKey.make().reveal(), MasterKey.make().reveal()
    for written in (one, f"{one},{two}", "file:/run/secrets/keyring"):
        settings = read_settings({"EXEAT_KEYRING": f" {written} "}, tmp_path)
        assert settings.keyring is not None
        assert settings.keyring.reveal() == written
        shown = (repr(settings), str(settings), repr(settings.environment()), settings.model_dump_json())
        assert not any(one in text for text in (*shown, repr(settings.model_dump())))
    assert read_settings({"EXEAT_KEYRING": ""}, tmp_path).keyring is None


@pytest.mark.parametrize("wrong", ["{}-s3cr3t", "{0},{0}", "{},s3cr3t", ",", "file:", "FILE:s3cr3t"])
def test_a_damaged_keyring(tmp_path: Path, wrong: str) -> None:
    """What is no keyring stops the start with what to do, and without what was written."""
    key = MasterKey.make().reveal()
    with pytest.raises(SettingsError) as caught:
        read_settings({"EXEAT_KEYRING": wrong.format(key), "EXEAT_WORKERS": "many"}, tmp_path)
    lines = [str(problem) for problem in caught.value.problems]
    assert [line.partition(":")[0] for line in lines] == ["EXEAT_KEYRING", "EXEAT_WORKERS"]
    shown = "".join([*lines, *traceback.format_exception(caught.value), repr(caught.value.problems)])
    assert key not in shown
    assert "s3cr3t" not in shown


@pytest.mark.parametrize("listen", [":8080", "0.0.0.0:8080", "[::]:8080", "127.0.0.1:1,10.0.0.1:8080"])
def test_plaintext_to_other_machines_must_be_said(tmp_path: Path, listen: str) -> None:
    """Keys don't cross a network in plaintext unless that is said."""
    (line,) = problems(tmp_path, EXEAT_LISTEN=listen)
    assert "EXEAT_TLS=self-signed" in line
    assert "EXEAT_TLS=off" in line
    for word in ("off", "self-signed"):
        assert read_settings({"EXEAT_LISTEN": listen, "EXEAT_TLS": word}, tmp_path).tls == word


@pytest.mark.parametrize("variable", ["EXEAT_TLS_CERTIFICATE", "EXEAT_TLS_KEY", "SSL_CERT_FILE"])
@pytest.mark.parametrize("length", [20, 5000])
def test_pem_in_place_of_a_file(tmp_path: Path, variable: str, length: int) -> None:
    """A key that stands where its file's name is expected isn't repeated, however long it is."""
    text = f"-----BEGIN PRIVATE KEY-----\n{'s3cr3t' * length}\n-----END PRIVATE KEY-----"
    lines = problems(tmp_path, **{variable: text})
    assert f"{variable}: holds PEM text; write it to a file, and name that" in lines
    assert "s3cr3t" not in "".join(lines)
    assert f"{variable}: isn't a possible file name" in problems(tmp_path, **{variable: "x" * 5000})


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    """A certificate without its key, a file that isn't there, a contradiction: each is a problem."""
    (tmp_path / "c.pem").write_text("x")
    assert "needs its private key" in problems(tmp_path, EXEAT_TLS_CERTIFICATE="c.pem")[0]
    assert "needs its certificate" in problems(tmp_path, EXEAT_TLS_KEY="c.pem")[0]
    assert "there is no file k.pem" in problems(tmp_path, EXEAT_TLS_CERTIFICATE="c.pem", EXEAT_TLS_KEY="k.pem")[0]
    both = {"EXEAT_TLS_CERTIFICATE": "c.pem", "EXEAT_TLS_KEY": "c.pem"}
    assert "contradicts" in problems(tmp_path, EXEAT_TLS="off", **both)[0]


def test_variables_of_the_document_are_no_settings(tmp_path: Path) -> None:
    """What writes the document isn't taken for a misspelt setting."""
    read_settings({"EXEAT_UPSTREAMS__A__URL": "x", "EXEAT_DESTINATIONS": "y", "EXEAT_DOMAINS": "z"}, tmp_path)
    assert "EXEAT_UPSTREAM__A__URL" in problems(tmp_path, EXEAT_UPSTREAM__A__URL="x")[0]


def test_empty_is_unset(tmp_path: Path) -> None:
    """An empty variable, as compose files leave it, is the default."""
    assert read_settings({"EXEAT_WORKERS": "", "EXEAT_TLS": ""}, tmp_path).workers == 1


def test_repr_shows_no_environment(tmp_path: Path) -> None:
    """Settings can be printed: the variables beside them can't be seen."""
    settings = read_settings({"GITHUB_TOKEN": "s3cr3t-marker"}, tmp_path)
    assert "s3cr3t" not in repr(settings)
    assert "s3cr3t" not in repr(settings.environment())
    assert "s3cr3t" not in settings.model_dump_json()


def test_unreadable_dotenv_is_a_problem(tmp_path: Path) -> None:
    """A `.env` that isn't text stops the start."""
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    assert problems(tmp_path) == [".env: isn't UTF-8 text"]
