"""The call by which a preset shows whether a secret is accepted, made as the gateway would make it.

Rule 1: names, addresses and TLS are judged as for calls of the gateway; redirects aren't followed.
Rule 2: of what is answered, nothing is shown but the status.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from exeat.cli.control.token_request import TokenEndpoint
from exeat.cli.control.trial_call import LARGEST_BYTES, LIMIT_S, MEANINGS, is_expected, render_call
from exeat.config.presets import Preset, Verification
from exeat.config.settings import Settings
from exeat.config.trial import Trial
from exeat.errors import GatewayError
from exeat.model.credential import Injection
from exeat.model.secret import Secret
from exeat.model.token_source import RefreshToken
from exeat.policy.inject import show_token
from exeat.policy.sign import sign
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import AresLookup, Lookup, Names
from exeat.proxy.whole import ask
from exeat.vault.tokens import TokenError
from exeat.wire.outgoing import render


class Outcome(NamedTuple):
    """What came of a verification: the status that was answered (None: no answer), and what that means.

    `renewed` is the refresh token that has taken the place of the one that was tried.
    """

    status: int | None
    accepted: bool
    meaning: str
    renewed: Secret | None = None


def verify(preset: Preset, trial: Trial, values: Mapping[str, str], settings: Settings) -> Outcome:
    """Make the call; `values` are those of the preset's parameters."""
    lookup = AresLookup()

    async def run() -> Outcome:
        try:
            return await verify_by(preset, trial, values, settings, lookup)
        finally:
            await lookup.close()

    return asyncio.run(run())


async def verify_by(
    preset: Preset, trial: Trial, values: Mapping[str, str], settings: Settings, lookup: Lookup
) -> Outcome:
    """Make the call, with addresses that `lookup` finds."""
    files = (settings.ssl_cert_file, settings.ssl_cert_dir)
    trust = Trust(*(None if path is None else str(settings.directory / path) for path in files))
    dialler = Dialler(Names(lookup, asyncio.get_running_loop().time), (), trust)
    dialler.nat64 = trial.nat64
    renewed: Secret | None = None
    injection = trial.upstream.credential
    try:
        async with asyncio.timeout(LIMIT_S):
            if trial.source is not None:
                fetched = await TokenEndpoint(trial.source, lambda: dialler, _now).fetch(None, LIMIT_S)
                injection, grant = show_token(injection, fetched.token), trial.source.grant
                if isinstance(grant, RefreshToken) and fetched.refresh_token not in {None, grant.token}:
                    renewed = fetched.refresh_token
            if preset.verify is None:
                return Outcome(None, accepted=True, meaning="a token was given for the secret", renewed=renewed)
            outcome = await _call(preset.verify, trial, injection, values, dialler)
            return outcome._replace(renewed=renewed)
    except TimeoutError:
        return Outcome(None, accepted=False, meaning=f"there is no answer within {LIMIT_S:g} s", renewed=renewed)
    except TokenError as error:
        return Outcome(None, accepted=False, meaning=_clause(error.reason))
    except GatewayError as error:
        return Outcome(None, accepted=False, meaning=_clause(error.detail), renewed=renewed)


async def _call(
    verification: Verification, trial: Trial, injection: Injection, values: Mapping[str, str], dialler: Dialler
) -> Outcome:
    upstream = trial.upstream
    outgoing = render_call(verification, trial, injection, values)
    if injection.signing is not None:
        outgoing = sign(outgoing, injection.signing, _now())
    body = outgoing.body or b""
    route, limits = upstream.endpoints[0].route, upstream.timeouts
    connection = await dialler.dial(route, limits, reported=lambda _: None)
    answer = await ask(connection, render(outgoing), outgoing.method, body, LARGEST_BYTES)
    status = answer.head.status
    if not 200 <= status < 300:  # noqa: PLR2004 - success
        return Outcome(status, accepted=False, meaning=_meaning(status))
    if not is_expected(answer.body, verification.expect):
        return Outcome(status, accepted=False, meaning="what it says is that the secret isn't accepted")
    return Outcome(status, accepted=True, meaning="the secret is accepted")


def _meaning(status: int) -> str:
    if status in MEANINGS:
        return MEANINGS[status]
    if status < 400:  # noqa: PLR2004 - redirects
        return "it points elsewhere: the address or a parameter is wrong"
    return "the upstream has trouble of its own: try again later" if status >= 500 else "the call isn't accepted"  # noqa: PLR2004


def _clause(sentence: str) -> str:
    """A sentence as a part of one."""
    text = sentence.strip().removesuffix(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _now() -> float:
    return time.time_ns() / 1e9
