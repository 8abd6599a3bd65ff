"""One upstream compiled by itself, to be tried before it is a part of any document."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path as File
from typing import NamedTuple

from exeat.config.compile import Compiler, outside, without_echoes
from exeat.config.preset_use import Notes, use_presets
from exeat.config.problem import DocumentError, Place, Places
from exeat.config.references import Resolver
from exeat.config.settings import Settings
from exeat.config.vault import Vault
from exeat.model.token_source import TokenSource
from exeat.model.upstream import Network, Upstream
from exeat.vault.keyring_file import read_keyring
from exeat.vault.seal import Sealer

HERE = Place("command line")


class Trial(NamedTuple):
    """An upstream, where its token comes from (None if it has none), and the network's NAT64 prefixes."""

    upstream: Upstream
    source: TokenSource | None
    nat64: tuple[Network, ...]


def compile_alone(settings: Settings, name: str, entry: Mapping[str, object], sealed: Mapping[str, bytes]) -> Trial:
    """An upstream's entry, compiled; DocumentError lists what is wrong with it. `sealed` is what the vault holds."""
    places = Places(HERE)
    environment = settings.environment()
    file = settings.document_file()
    folder = file.parent if file else settings.directory
    notes = Notes(places)
    data: dict[str, object] = {"upstreams": {name: dict(entry)}}
    network = outside(settings).data.get("network")
    if network is not None:
        data["network"] = network
    vault = Vault(sealed, partial(_open_keyring, settings))
    resolved = Resolver(environment.values, folder, places, running=False, vault=vault).resolve(
        use_presets(data, notes)
    )
    compiled = Compiler(places, folder, resolved).compile()
    problems = [*notes.problems, *resolved.problems, *without_echoes(compiled.problems, resolved.problems)]
    if problems:
        raise DocumentError(notes.place(problems))
    sources = compiled.token_sources
    return Trial(compiled.snapshot.upstreams[name.encode()], sources[0] if sources else None, compiled.snapshot.nat64)


def _open_keyring(settings: Settings) -> Sealer:
    folder: File = settings.directory
    return Sealer(read_keyring(settings.keyring, folder, folder / settings.data_dir))
