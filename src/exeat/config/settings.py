"""The settings of the process: the only file that reads the environment.

Settings say how the process runs; what it lets out is the document's. A wrong setting stops the start, with every
problem named at once. docs/reference/settings.md is written from the fields below.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exeat.config.environment import DOCUMENT_SECTIONS, PREFIX, Environment, is_document_variable, merge_environment
from exeat.config.listen import Listen
from exeat.config.problem import Place, Problem, SettingsError, suggest
from exeat.config.setting_rules import check_traces, file_fault, plaintext_fault
from exeat.config.setting_values import (
    to_admin_token,
    to_connections,
    to_control_url,
    to_database_url,
    to_headers,
    to_in_flight,
    to_keyring,
    to_listen,
    to_listens,
    to_memory,
    to_networks,
    to_otlp_url,
    to_redis_url,
    to_seconds,
    to_share,
    to_token,
    to_word,
    to_workers,
    whole,
)
from exeat.model.limits import DEFAULT, Limits
from exeat.model.secret import Secret
from exeat.model.stored import DATABASE_FILE
from exeat.model.upstream import Network

DOCUMENT_FILE = "exeat.yaml"


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
    database_url: Annotated[Secret | None, BeforeValidator(to_database_url)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="The database: `postgresql://user:password@host/name`, or `sqlite:////path`. Without it, SQLite in"
        " the data directory.",
        json_schema_extra={"default": "`exeat.db` in `EXEAT_DATA_DIR`"},
    )
    redis_url: Annotated[Secret | None, BeforeValidator(to_redis_url)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="Where limits are counted for several instances together: `redis://user:password@host:6379/0`,"
        " `rediss://…` for TLS, `unix:///path/of/redis.sock`, `redis+cluster://host:port,host:port` or"
        " `rediss+cluster://…`. Files of TLS are options: `?ssl_ca_certs=PATH`, `ssl_certfile`, `ssl_keyfile`. Without"
        " it, each instance counts by itself.",
    )
    keyring: Annotated[Secret | None, BeforeValidator(to_keyring)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="The master keys under which secrets are sealed: 32 bytes each in base64url, comma-separated, the"
        " first seals, all open; or `file:PATH`, one a line. Without it, `keyring` in the data directory, made when it"
        " is first needed.",
        json_schema_extra={"default": "`keyring` in `EXEAT_DATA_DIR`"},
    )
    admin_token: Annotated[Secret | None, BeforeValidator(to_admin_token)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="The first administrator's token, at least 32 characters. Without it one is made, and printed"
        " once.",
        json_schema_extra={"default": "made at the first start"},
    )
    metrics_token: Annotated[Secret | None, BeforeValidator(to_token)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="What has to be shown to read `/metrics` (`Authorization: Bearer …`), at least 32 characters."
        " Without it, anybody who reaches the control listener may.",
    )
    listen: Annotated[tuple[Listen, ...], BeforeValidator(to_listens)] = Field(
        default=(Listen("127.0.0.1", 8080),),
        description="Where callers connect: `host:port`, `:port` for every address, `[::]:port`, `unix:PATH`; several"
        " are comma-separated.",
    )
    control_listen: Annotated[Listen | None, BeforeValidator(to_listen)] = Field(
        default=Listen("127.0.0.1", 8081),
        description="The control listener, with the admin API; `off` opens none.",
    )
    control_url: Annotated[str | None, BeforeValidator(to_control_url)] = Field(
        default=None,
        description="The control listener that commands such as `exeat apply` talk to: `https://host:8081`, or"
        " `unix:PATH`. Without it they use the data directory's own database and keyring.",
    )
    control_token: Annotated[Secret | None, BeforeValidator(to_admin_token)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="The administrator's token that commands show to `EXEAT_CONTROL_URL`.",
    )
    tls_certificate: Path | None = Field(
        default=None, description="PEM certificate chain of the listener; read again when it changes."
    )
    tls_key: Path | None = Field(
        default=None, description="PEM private key of the listener; read again when it changes."
    )
    tls: Annotated[Literal["self-signed", "off"] | None, BeforeValidator(to_word)] = Field(
        default=None,
        description="`self-signed` makes a certificate at start; `off` says that a proxy in front ends TLS. One of them"
        " is needed on a non-loopback address without a certificate.",
    )
    workers: Annotated[int, BeforeValidator(to_workers)] = Field(
        default=1, description="Worker processes, or `auto` for one per processor."
    )
    max_connections: Annotated[int | None, BeforeValidator(to_connections)] = Field(
        default=None,
        description="Callers' connections that one worker holds. `auto`: half of the files it may open, at most 10 000."
        " Beyond, the one that has been idle longest is closed; where none is idle, the newcomer gets `overloaded`.",
        json_schema_extra={"default": "`auto`"},
    )
    max_in_flight: Annotated[int | None, BeforeValidator(to_in_flight)] = Field(
        default=None,
        description="Exchanges that one worker has under way at once; beyond, callers get `overloaded`. Without it, the"
        " bound is that of connections.",
        json_schema_extra={"default": "no bound"},
    )
    max_memory: Annotated[int | None, BeforeValidator(to_memory)] = Field(
        default=None,
        description="Memory that one worker may take, as in `512MiB`. Above it, callers get `overloaded` until it is"
        " below again; a worker that stays above with nothing to do is replaced. `auto`: its share of what the"
        " container (cgroup) may take, if that has a limit; `off`: no bound.",
        json_schema_extra={"default": "`auto`"},
    )
    max_head_bytes: Annotated[int, BeforeValidator(whole(1024, 1024 * 1024))] = Field(
        default=DEFAULT.head_bytes, description="The largest head of a request, or of an upstream's answer."
    )
    max_line_bytes: Annotated[int, BeforeValidator(whole(256, 1024 * 1024))] = Field(
        default=DEFAULT.line_bytes, description="The longest request line."
    )
    max_fields: Annotated[int, BeforeValidator(whole(10, 10_000))] = Field(
        default=DEFAULT.fields, description="The most fields in a head."
    )
    max_buffer_bytes: Annotated[int, BeforeValidator(whole(1024, 1024 * 1024 * 1024))] = Field(
        default=DEFAULT.buffer_bytes,
        description="The largest body that is held in memory: an envelope, and the answers to its calls together."
        " Bodies that are streamed have no limit.",
    )
    head_timeout_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=DEFAULT.head_s,
        description="How many seconds a request's head may take from its first byte to its last.",
    )
    body_timeout_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=DEFAULT.body_s,
        description="How many seconds may pass without a byte of a request's body, or of an answer's end being read.",
    )
    keep_alive_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=DEFAULT.keep_alive_s, description="How many seconds a caller's connection may wait for a request."
    )
    upstream_connections: Annotated[int, BeforeValidator(whole(1, 100_000))] = Field(
        default=DEFAULT.upstream_connections, description="Connections of one worker to one origin."
    )
    upstream_keep_alive_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=DEFAULT.upstream_keep_alive_s,
        description="How many seconds a connection to an upstream is kept for the next request.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(to_networks)] = Field(
        default=(),
        description="Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed,"
        " comma-separated; by the control listener too.",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(to_word)] = Field(
        default="info",
        description="The least severity that is logged: `debug`, `info` (access lines), `warning` or `error`.",
    )
    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(to_word)] = Field(
        default="auto", description="`json` or `console`; `auto` is `console` on a terminal."
    )
    otlp_url: Annotated[str | None, BeforeValidator(to_otlp_url)] = Field(
        default=None,
        description="The collector that traces go to, `http://127.0.0.1:4318`; needs `pip install 'exeat[otel]'`.",
    )
    otlp_headers: Annotated[Secret | None, BeforeValidator(to_headers)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="Header fields for `EXEAT_OTLP_URL`, as in `api-key=abc,team=shop`.",
    )
    trace_sample: Annotated[float, BeforeValidator(to_share)] = Field(
        default=1.0,
        description="The share of traces that is sampled, from 0 to 1, where the caller's `traceparent` doesn't say.",
    )
    debug_token: Annotated[Secret | None, BeforeValidator(to_token)] = Field(
        default=None,
        exclude=True,  # from every dump
        description="Who shows it in `Exeat-Debug` is told how long each phase took; at least 32 characters.",
    )
    drain_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=30.0, description="How many seconds SIGTERM waits for exchanges to finish."
    )
    drain_streams_s: Annotated[float | None, BeforeValidator(to_seconds)] = Field(
        default=None,
        description="The same for streams: events, and answers that are long already. Without it, as many.",
        json_schema_extra={"default": "`EXEAT_DRAIN_S`"},
    )
    drain_delay_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=0.0,
        description="How many seconds SIGTERM goes on accepting before it drains, while `/-/ready` answers 503: the"
        " time that a load balancer needs to notice.",
    )
    stuck_s: Annotated[float, BeforeValidator(to_seconds)] = Field(
        default=10.0,
        description="A worker that says nothing for so many seconds is ended by force and started again; 0: never.",
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

    def has_database(self) -> bool:
        """Whether there is a database that may hold something: one is named, or its usual file is there."""
        return self.database_url is not None or (self.directory / self.data_dir / DATABASE_FILE).exists()

    @property
    def streams_s(self) -> float:
        """How many seconds SIGTERM waits for streams."""
        return self.drain_s if self.drain_streams_s is None else self.drain_streams_s

    def limits(
        self,
        connections: int,
        *,
        open_connections: int = DEFAULT.open_connections,
        memory_bytes: int | None = DEFAULT.memory_bytes,
    ) -> Limits:
        """The bounds of one worker.

        `connections` is how many callers' fit into the files that it may open, `open_connections` how many of all
        kinds; `memory_bytes` is its share of what the machine lets it take.
        """
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
            open_connections=open_connections,
            in_flight=self.max_in_flight,
            memory_bytes=memory_bytes if self.max_memory is None else self.max_memory or None,
        )

    def document_file(self) -> Path | None:
        """The document's file: the one that is named, else `exeat.yaml` if it exists."""
        if self.config is not None:
            return self.directory / self.config
        usual = self.directory / DOCUMENT_FILE
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
    if not (certificate or key or settings.tls):
        problems += _check_plaintext(settings)
    if settings.max_line_bytes > settings.max_head_bytes:
        problems.append(_fault("max_line_bytes", "is more than EXEAT_MAX_HEAD_BYTES, of which it is a part"))
    if settings.control_url is not None and settings.control_token is None:
        problems.append(_fault("control_token", "is missing; EXEAT_CONTROL_URL needs an administrator's token"))
    problems += [_fault("otlp_url", fault) for fault in check_traces(settings.otlp_url, settings.otlp_headers)]
    control = settings.control_listen
    if control is not None and control in settings.listen and (control.port or control.path):
        problems.append(_fault("control_listen", "is the same address as EXEAT_LISTEN"))
    return problems


def _check_files(settings: Settings) -> Iterator[Problem]:
    for field in ("tls_certificate", "tls_key", "ssl_cert_file"):
        if fault := file_fault(settings.directory, getattr(settings, field)):
            yield _fault(field, fault)
    if settings.ssl_cert_dir and not (settings.directory / settings.ssl_cert_dir).is_dir():
        yield _fault("ssl_cert_dir", f"there is no directory {settings.ssl_cert_dir}")


def _check_plaintext(settings: Settings) -> Iterator[Problem]:
    control = () if settings.control_listen is None else (settings.control_listen,)
    for field, listens in (("listen", settings.listen), ("control_listen", control)):
        if fault := plaintext_fault(listens):
            yield _fault(field, fault)


def _fault(field: str, message: str) -> Problem:
    return Problem("", Place(variable_of(field)), message)
