"""The settings of the process: the only file that reads the environment.

Settings say how the process runs; what it lets out is the document's. A wrong setting stops the start, with every
problem named at once. docs/reference/settings.md is written from the fields below.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exeat.config.environment import DOCUMENT_SECTIONS, PREFIX, Environment, is_document_variable, merge_environment
from exeat.config.listen import Listen, parse_listen, parse_listens
from exeat.config.problem import Place, Problem, SettingsError, suggest
from exeat.model.limits import DEFAULT, Limits
from exeat.model.secret import Secret
from exeat.model.upstream import Network
from exeat.vault.keyring import KeyringError, parse_keyring

WORKERS_LIMIT = 256


def _parse_workers(value: object) -> int:
    if value == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = str(value)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= WORKERS_LIMIT):
        raise ValueError(f"write a number from 1 to {WORKERS_LIMIT}, or auto")
    return int(text)


def _parse_networks(value: object) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in str(value).split(",") if part.strip())
    except ValueError as error:
        raise ValueError("write networks as 10.0.0.0/8, comma-separated") from error


def _parse_seconds(value: object) -> float:
    text = str(value).strip().removesuffix("s")
    try:
        seconds = float(text)
    except ValueError as error:
        raise ValueError("write a number of seconds, as in 30") from error
    if not 0 <= seconds <= 86400:  # noqa: PLR2004 - a day
        raise ValueError("write a number of seconds between 0 and 86400")
    return seconds


def _whole(least: int, most: int) -> Callable[[object], int]:
    """A validator of whole numbers within bounds; `_` may group digits, as in 50_000."""

    def parse(value: object) -> int:
        text = str(value).strip().replace("_", "")
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"write a whole number from {least} to {most}")
        return int(text)

    return parse


def _parse_connections(value: object) -> int | None:
    if value == "auto":
        return None
    try:
        return _whole(1, 1_000_000)(value)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from error


def _parse_database_url(value: object) -> Secret:
    text = str(value).strip()
    if not text.startswith(("postgresql://", "sqlite:///")):
        raise ValueError("write postgresql://user:password@host/name, or sqlite:////path/of/exeat.db")
    return Secret(text)


def _parse_keyring(value: object) -> Secret:
    text = str(value).strip()
    if text.startswith("file:"):
        if not text.removeprefix("file:"):
            raise ValueError("write file:PATH, or master keys, comma-separated")
        return Secret(text)
    try:
        parse_keyring(text)
    except KeyringError as error:
        raise ValueError(str(error)) from None
    return Secret(text)


def _parse_word(value: object) -> object:
    """Accept a choice in any case."""
    return value.lower() if isinstance(value, str) else value


def _parse_listens(value: object) -> tuple[Listen, ...]:
    return parse_listens(str(value))


def _parse_listen(value: object) -> Listen:
    return parse_listen(str(value))


class Settings(BaseSettings):
    """How the process runs; frozen for its life.

    `process` is the environment it was started with, `directory` its working directory: what a reload reads again.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=False,
    )

    config: Path | None = Field(
        default=None,
        description="The document. Without it, `exeat.yaml` in the working directory if that exists; also `exeat serve"
        " --config`.",
        json_schema_extra={"default": "`exeat.yaml` if there"},
    )
    data_dir: Path = Field(
        default=Path("exeat-data"),
        description="Where Exeat keeps what outlives it; created with mode 0700.",
    )
    database_url: Annotated[Secret | None, BeforeValidator(_parse_database_url)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="The database: `postgresql://user:password@host/name`, or `sqlite:////path`. Without it, SQLite in"
        " the data directory.",
        json_schema_extra={"default": "`exeat.db` in `EXEAT_DATA_DIR`"},
    )
    keyring: Annotated[Secret | None, BeforeValidator(_parse_keyring)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="The master keys under which secrets are sealed: 32 bytes each in base64url, comma-separated, the"
        " first seals, all open; or `file:PATH`, one a line. Without it, `keyring` in the data directory, made when it"
        " is first needed.",
        json_schema_extra={"default": "`keyring` in `EXEAT_DATA_DIR`"},
    )
    listen: Annotated[tuple[Listen, ...], BeforeValidator(_parse_listens)] = Field(
        default=(Listen("127.0.0.1", 8080),),
        description="Where callers connect: `host:port`, `:port` for every address, `[::]:port`, `unix:PATH`; several"
        " are comma-separated.",
    )
    control_listen: Annotated[Listen, BeforeValidator(_parse_listen)] = Field(
        default=Listen("127.0.0.1", 8081),
        description="The control listener. This version doesn't open it; the gateway refuses to call it.",
    )
    tls_certificate: Path | None = Field(
        default=None, description="PEM certificate chain of the listener; read again when it changes."
    )
    tls_key: Path | None = Field(
        default=None, description="PEM private key of the listener; read again when it changes."
    )
    tls: Annotated[Literal["self-signed", "off"] | None, BeforeValidator(_parse_word)] = Field(
        default=None,
        description="`self-signed` makes a certificate at start; `off` says that a proxy in front ends TLS. One of them"
        " is needed on a non-loopback address without a certificate.",
    )
    workers: Annotated[int, BeforeValidator(_parse_workers)] = Field(
        default=1, description="Worker processes, or `auto` for one per processor."
    )
    max_connections: Annotated[int | None, BeforeValidator(_parse_connections)] = Field(
        default=None,
        description="Callers' connections that one worker holds. `auto`: half of the files it may open, at most 10 000."
        " Beyond, the one that has been idle longest is closed; where none is idle, the newcomer gets `overloaded`.",
    )
    max_head_bytes: Annotated[int, BeforeValidator(_whole(1024, 1024 * 1024))] = Field(
        default=DEFAULT.head_bytes, description="The largest head of a request, or of an upstream's answer."
    )
    max_line_bytes: Annotated[int, BeforeValidator(_whole(256, 1024 * 1024))] = Field(
        default=DEFAULT.line_bytes, description="The longest request line."
    )
    max_fields: Annotated[int, BeforeValidator(_whole(10, 10_000))] = Field(
        default=DEFAULT.fields, description="The most fields in a head."
    )
    max_buffer_bytes: Annotated[int, BeforeValidator(_whole(1024, 1024 * 1024 * 1024))] = Field(
        default=DEFAULT.buffer_bytes,
        description="The largest body that is held in memory: an envelope, and the answers to its calls together."
        " Bodies that are streamed have no limit.",
    )
    head_timeout_s: Annotated[float, BeforeValidator(_parse_seconds)] = Field(
        default=DEFAULT.head_s,
        description="How many seconds a request's head may take from its first byte to its last.",
    )
    body_timeout_s: Annotated[float, BeforeValidator(_parse_seconds)] = Field(
        default=DEFAULT.body_s,
        description="How many seconds may pass without a byte of a request's body, or of an answer's end being read.",
    )
    keep_alive_s: Annotated[float, BeforeValidator(_parse_seconds)] = Field(
        default=DEFAULT.keep_alive_s, description="How many seconds a caller's connection may wait for a request."
    )
    upstream_connections: Annotated[int, BeforeValidator(_whole(1, 100_000))] = Field(
        default=DEFAULT.upstream_connections, description="Connections of one worker to one origin."
    )
    upstream_keep_alive_s: Annotated[float, BeforeValidator(_parse_seconds)] = Field(
        default=DEFAULT.upstream_keep_alive_s,
        description="How many seconds a connection to an upstream is kept for the next request.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_parse_networks)] = Field(
        default=(), description="Networks whose `X-Forwarded-For` is believed, comma-separated."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_parse_word)] = Field(
        default="info", description="The least severity that is logged: `debug`, `info`, `warning` or `error`."
    )
    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_parse_word)] = Field(
        default="auto", description="`json` or `console`; `auto` is `console` on a terminal."
    )
    drain_s: Annotated[float, BeforeValidator(_parse_seconds)] = Field(
        default=30.0, description="How many seconds SIGTERM waits for exchanges to finish."
    )
    ssl_cert_file: Path | None = Field(
        default=None, description="PEM file that replaces the system's trust store for upstreams."
    )
    ssl_cert_dir: Path | None = Field(
        default=None, description="Directory of certificates that replaces the system's trust store for upstreams."
    )
    directory: Path = Field(default=Path(), exclude=True, repr=False)
    process: Mapping[str, str] = Field(default_factory=dict, exclude=True, repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values only as `read_settings` gathered them: each with its origin, none skipped in silence."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    def environment(self) -> Environment:
        """The variables as of now: those of the process, over those that `.env` holds at this moment."""
        return merge_environment(self.process, self.directory)

    def limits(self, connections: int) -> Limits:
        """The bounds of one worker; `connections` is how many callers' fit into the files that it may open."""
        usual = min(DEFAULT.connections, connections)
        return Limits(
            line_bytes=self.max_line_bytes,
            head_bytes=self.max_head_bytes,
            fields=self.max_fields,
            head_s=self.head_timeout_s,
            body_s=self.body_timeout_s,
            keep_alive_s=self.keep_alive_s,
            connections=usual if self.max_connections is None else self.max_connections,
            upstream_connections=self.upstream_connections,
            upstream_keep_alive_s=self.upstream_keep_alive_s,
            buffer_bytes=self.max_buffer_bytes,
        )

    def document_file(self) -> Path | None:
        """The document's file: the one that is named, else `exeat.yaml` if it exists."""
        if self.config is not None:
            return self.directory / self.config
        usual = self.directory / "exeat.yaml"
        return usual if usual.exists() else None


NOT_VARIABLES = frozenset({"directory", "process"})


def variable_of(field: str) -> str:
    """The variable that sets a field."""
    return field.upper() if field.startswith("ssl_") else PREFIX + field.upper()


VARIABLES = {variable_of(name): name for name in Settings.model_fields if name not in NOT_VARIABLES}


def read_settings(
    process: Mapping[str, str] | None = None, directory: Path | None = None, config: Path | None = None
) -> Settings:
    """Read the settings from the environment and `.env`; SettingsError lists every problem.

    `process` and `directory` default to this process's own; `config` is that of the command line and wins.
    """
    process = dict(os.environ) if process is None else dict(process)  # noqa: TID251 - the one reader
    directory = (Path.cwd() if directory is None else directory).resolve()
    environment = merge_environment(process, directory)
    problems = [*environment.problems, *_unknown_variables(environment.values)]
    given: dict[str, object] = {
        field: environment.values[name] for name, field in VARIABLES.items() if environment.values.get(name)
    }
    if config is not None:
        given["config"] = config
    try:
        settings = Settings.model_validate({**given, "directory": directory, "process": process})
    except ValidationError as error:
        problems += [_explain(str(fault["loc"][0]), fault["msg"]) for fault in error.errors(include_input=False)]
        raise SettingsError(problems) from None
    problems += _check_together(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _unknown_variables(values: Mapping[str, str]) -> list[Problem]:
    names = [name for name in values if name.startswith(PREFIX)]
    unknown = [name for name in sorted(names) if name not in VARIABLES and not is_document_variable(name)]
    known = [*VARIABLES, *(PREFIX + section for section in DOCUMENT_SECTIONS)]
    return [Problem("", Place(name), f"isn't a setting of this version{suggest(name, known)}") for name in unknown]


def _explain(field: str, message: str) -> Problem:
    text = message.removeprefix("Value error, ").replace("Input should be", "write")
    return Problem("", Place(variable_of(field)), text)


def _check_together(settings: Settings) -> list[Problem]:
    """The rules that hold between settings."""
    problems = list(_check_files(settings))
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate and not key:
        problems.append(_fault("tls_key", "is missing; EXEAT_TLS_CERTIFICATE needs its private key"))
    if key and not certificate:
        problems.append(_fault("tls_certificate", "is missing; EXEAT_TLS_KEY needs its certificate"))
    if settings.tls and (certificate or key):
        problems.append(_fault("tls", f"'{settings.tls}' contradicts EXEAT_TLS_CERTIFICATE; remove one of them"))
    open_to_others = [str(listen) for listen in settings.listen if not listen.is_local]
    if open_to_others and not (certificate or key or settings.tls):
        problems.append(_fault("listen", _plaintext_advice(open_to_others)))
    if settings.max_line_bytes > settings.max_head_bytes:
        problems.append(_fault("max_line_bytes", "is more than EXEAT_MAX_HEAD_BYTES, of which it is a part"))
    if settings.control_listen in settings.listen and settings.control_listen.port:
        problems.append(_fault("control_listen", "is the same address as EXEAT_LISTEN"))
    return problems


def _check_files(settings: Settings) -> Iterator[Problem]:
    for field in ("tls_certificate", "tls_key", "ssl_cert_file"):
        file = getattr(settings, field)
        if file and not (settings.directory / file).is_file():
            yield _fault(field, f"there is no file {file}")
    if settings.ssl_cert_dir and not (settings.directory / settings.ssl_cert_dir).is_dir():
        yield _fault("ssl_cert_dir", f"there is no directory {settings.ssl_cert_dir}")


def _plaintext_advice(addresses: list[str]) -> str:
    return (
        f"{', '.join(addresses)} can be reached from other machines, where keys would travel in plaintext; set"
        " EXEAT_TLS_CERTIFICATE and EXEAT_TLS_KEY, or EXEAT_TLS=self-signed, or EXEAT_TLS=off if a proxy in front"
        " ends TLS"
    )


def _fault(field: str, message: str) -> Problem:
    return Problem("", Place(variable_of(field)), message)
