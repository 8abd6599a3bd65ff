"""Entries of credentials that are tokens into the sources of those tokens.

Rule 1: a token endpoint is reached by the rules of its upstream: the same private networks, and `tls.ca` in place of
the system's trust store. The rest of `tls` (a client certificate, verification turned off) is for the upstream's own
origins, and counts for an endpoint that is on one of them.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exeat.config import credential_entries as entries
from exeat.config.problem import Path
from exeat.model.credential import Token
from exeat.model.origin import Origin, Target
from exeat.model.secret import Secret
from exeat.model.token_source import (
    Client,
    ClientAuth,
    ClientCredentials,
    GithubApp,
    GoogleServiceAccount,
    Grant,
    JwtBearer,
    RefreshToken,
    SigningKey,
    TokenSource,
)
from exeat.model.upstream import Reach, TlsIdentity
from exeat.vault.tokens.assertion import choose_algorithm

GITHUB: Final = Target(Origin("https", "api.github.com", 443), b"", None)


@dataclass(frozen=True, slots=True)
class TokenCompiler:
    """Compiles the tokens of one upstream; `sources` gathers where those of all upstreams come from, by their ids.

    `path` is where the credential is written; `check` judges an endpoint's URL that is written somewhere.
    """

    upstream: str
    path: Path
    reach: Reach
    tls: TlsIdentity
    origins: frozenset[Origin]
    check: Callable[[Path, Target], None]
    sources: dict[str, TokenSource] = field(default_factory=dict)

    def inside(self, *steps: str | int) -> "TokenCompiler":
        """The same for a credential that is written within this one."""
        return replace(self, path=(*self.path, *steps))

    def compile(self, entry: entries.AnyToken) -> Token:
        """One token."""
        where, target = _target(entry)
        self.check((*self.path, where), target)
        source = TokenSource(self.upstream, _grant(entry, target), target, self.reach, self._tls(target.origin))
        source = self.sources.setdefault(source.id, source)
        return Token(source.id, entry.kind, entry.name, entry.prefix)

    def _tls(self, origin: Origin) -> TlsIdentity:
        if origin in self.origins or origin.scheme == "http":
            return self.tls
        if self.tls.ca is None:
            return TlsIdentity()
        return TlsIdentity(ca=self.tls.ca, fingerprint=hashlib.sha256(self.tls.ca.encode()).hexdigest()[:32])


def shared_badly(sources: Mapping[str, TokenSource]) -> Iterator[tuple[str, str]]:
    """Upstreams that have a refresh token in common but are no common source, each with the one before."""
    seen: dict[Secret, str] = {}
    for source in sources.values():
        if isinstance(source.grant, RefreshToken):
            first = seen.setdefault(source.grant.token, source.label)
            if first != source.label:
                yield source.label, first


def _target(entry: entries.AnyToken) -> tuple[str, Target]:
    """Where tokens are given, and the field that says so."""
    match entry:
        case entries.GithubApp(url=url, installation_id=installation):
            url = url or GITHUB
            path = url.path + b"/app/installations/" + installation.encode() + b"/access_tokens"
            return "url", url._replace(path=path)
        case entries.GoogleServiceAccount(token_url=None, key=key):
            assert key.token_url is not None  # noqa: S101 - the entry was refused without one
            return "key", key.token_url
        case entries.GoogleServiceAccount(token_url=written):
            assert written is not None  # noqa: S101 - the case before
            return "token_url", written
        case _:
            return "token_url", entry.token_url


def _grant(entry: entries.AnyToken, target: Target) -> Grant:
    match entry:
        case entries.ClientCredentials():
            return ClientCredentials(
                client=_client(entry),
                grant_type=entry.grant_type,
                scope=entry.scope,
                audience=entry.audience,
                resources=entry.resource,
                parameters=entry.parameters,
            )
        case entries.RefreshToken():
            return RefreshToken(_client(entry), entry.refresh_token, entry.scope, entry.parameters)
        case entries.JwtBearer():
            return JwtBearer(
                issuer=entry.issuer,
                audience=entry.audience or _text(target),
                key=_key(entry.private_key, entry.algorithm, entry.key_id),
                subject=entry.subject,
                scope=entry.scope,
                claims=entry.claims or "{}",
                lifetime_s=entry.lifetime,
                parameters=entry.parameters,
            )
        case entries.GithubApp():
            key = _key(entry.private_key, "RS256", None)
            return GithubApp(entry.app_id, key, entry.repositories, entry.permissions)
        case entries.GoogleServiceAccount(key=key_file):
            return GoogleServiceAccount(
                email=key_file.email,
                key=_key(key_file.private_key, "RS256", key_file.key_id),
                token_url=_text(target),
                scope=entry.scope,
                audience=entry.audience,
                subject=entry.subject,
            )


def _client(entry: entries.ClientCredentials | entries.RefreshToken) -> Client:
    key = None if entry.private_key is None else _key(entry.private_key, entry.algorithm, entry.key_id)
    auth: ClientAuth = entry.chosen_auth
    return Client(entry.client_id, auth, entry.client_secret, key)


def _key(private_key: Secret, algorithm: str | None, key_id: str | None) -> SigningKey:
    return SigningKey(private_key, choose_algorithm(private_key, algorithm), key_id)


def _text(target: Target) -> str:
    query = "" if target.query is None else f"?{target.query.decode('latin-1')}"
    return f"{target.origin}{target.path.decode('latin-1')}{query}"
