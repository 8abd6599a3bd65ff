"""Credentials of the document into those of the data plane."""

from collections.abc import Iterable

from exeat.config import credential_entries as entries
from exeat.config.token_sources import TokenCompiler
from exeat.model import credential as kinds
from exeat.model.origin import Target
from exeat.model.signing import AwsSignature, BodyField, HmacSignature


def compile_credential(entry: entries.One, tokens: TokenCompiler) -> kinds.Kind:
    """What a credential's entry comes down to."""
    if isinstance(entry, entries.Pool):
        written = tokens.inside("members" if entry.members else "pool")
        return kinds.Pool(
            tuple(
                kinds.Share(compile_single(member.credential, written.inside(place)), member.weight, label)
                for place, (label, member) in enumerate(entry.labelled())
            )
        )
    return compile_single(entry, tokens)


def credential_fault(entry: entries.One, targets: Iterable[Target]) -> str | None:
    """What a credential lacks to be shown at all of an upstream's endpoints."""
    shown = [member.credential for _, member in entry.labelled()] if isinstance(entry, entries.Pool) else [entry]
    faults = (one.fault(targets) for one in shown if isinstance(one, entries.AwsSigv4))
    return next((fault for fault in faults if fault is not None), None)


def compile_single(entry: entries.Single | entries.Together, tokens: TokenCompiler) -> kinds.Single:
    """One credential, alone or in a pool; `tokens` compiles those that are fetched."""
    match entry:
        case entries.Together():
            return kinds.Together(tuple(_static(part) for part in entry.parts))
        case entries.Caller():
            return kinds.Caller()
        case entries.Nothing():
            return kinds.Nothing()
        case (
            entries.ClientCredentials()
            | entries.RefreshToken()
            | entries.JwtBearer()
            | entries.GithubApp()
            | entries.GoogleServiceAccount()
        ):
            return tokens.compile(entry)
        case entries.AwsSigv4():
            return AwsSignature(
                access_key=entry.access_key,
                secret_key=entry.secret_key,
                session_token=entry.session_token,
                region=entry.region,
                service=entry.service,
                unsigned_payload=entry.unsigned_payload,
            )
        case _:
            return _static(entry)


def _static(
    entry: entries.Bearer
    | entries.Basic
    | entries.Header
    | entries.Query
    | entries.Segment
    | entries.Cookie
    | entries.Body
    | entries.Hmac,
) -> kinds.Bearer | kinds.Basic | kinds.Header | kinds.Query | kinds.Segment | kinds.Cookie | BodyField | HmacSignature:
    match entry:
        case entries.Bearer(secret=secret):
            return kinds.Bearer(secret)
        case entries.Basic(username=username, password=password):
            return kinds.Basic(username, password)
        case entries.Header(name=name, secret=secret, prefix=prefix):
            return kinds.Header(name, secret, prefix)
        case entries.Query(name=name, secret=secret):
            return kinds.Query(name, secret)
        case entries.Segment(secret=secret, prefix=prefix):
            return kinds.Segment(secret, prefix)
        case entries.Cookie(name=name, secret=secret):
            return kinds.Cookie(name, secret)
        case entries.Body(name=name, secret=secret):
            return BodyField(name, secret, entry.format)
        case entries.Hmac():
            return HmacSignature(
                key=entry.key(),
                algorithm=entry.algorithm,
                encoding=entry.encoding,
                template=entry.signed_text(),
                fields=entry.fields(),
                timestamp=entry.timestamp,
            )
