"""One call to an upstream, made as the gateway would make it, for who wants to see that it answers.

Rule 1: names, addresses and TLS are judged as for calls of the gateway; redirects aren't followed.
Rule 2: of what is answered, nothing is shown but the status.
Rule 3: no refresh token is used up: where the broker has a token, it is that one.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from exeat.admin.running import Tested
from exeat.cli.control.effect import Effect
from exeat.cli.control.token_request import TokenEndpoint
from exeat.cli.control.trial_call import LARGEST_BYTES, LIMIT_S, MEANINGS, is_expected, render_call
from exeat.config.presets import UnknownPresetError, Verification, read_preset
from exeat.config.settings import Settings
from exeat.config.trial import Trial
from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection
from exeat.model.secret import Secret
from exeat.model.token_source import RefreshToken, TokenSource
from exeat.policy.inject import show_token
from exeat.policy.sign import sign
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import AresLookup, Names
from exeat.proxy.whole import Answer, ask
from exeat.vault.tokens import TokenError
from exeat.wire.outgoing import render

ROOT = "/"
TokenOf = Callable[[str], Secret | None]
_REFUSED = frozenset({401, 403, 407})


class UpstreamTest:
    """Calls upstreams of the configuration. `token_of` is the token of a source that is good now."""

    def __init__(self, settings: Settings, effect: Effect, token_of: TokenOf) -> None:
        self._settings = settings
        self._effect = effect
        self._token_of = token_of

    def run(self, name: str, path: str | None) -> Tested | None:
        """Call an upstream; None if there is none of this name. From a thread without an event loop."""
        found = self._effect.find_upstream(name)
        if found is None:
            return None
        trial, entry = found
        verification, values = choose_call(entry, path)
        began = time.monotonic()
        status, accepted, meaning = asyncio.run(self._call(trial, verification, values))
        duration_ms = round((time.monotonic() - began) * 1000, 3)
        return Tested(verification.method, verification.path, status, accepted, meaning, duration_ms)

    async def _call(
        self, trial: Trial, verification: Verification, values: Mapping[str, str]
    ) -> tuple[int | None, bool, str]:
        settings = self._settings
        files = (settings.ssl_cert_file, settings.ssl_cert_dir)
        trust = Trust(*(None if file is None else str(settings.directory / file) for file in files))
        lookup = AresLookup()
        dialler = Dialler(Names(lookup, asyncio.get_running_loop().time), (), trust)
        dialler.nat64 = trial.nat64
        try:
            async with asyncio.timeout(LIMIT_S):
                injection = await self._injection(trial, dialler)
                answer = await _send(trial, verification, values, injection, dialler)
        except TimeoutError:
            return None, False, f"there is no answer within {LIMIT_S:g} s"
        except TokenError as error:
            return None, False, error.reason
        except GatewayError as error:
            return None, False, error.detail
        finally:
            await lookup.close()
        status = answer.head.status
        if is_success(status) and not is_expected(answer.body, verification.expect):
            return status, False, "what it says is that the secret isn't accepted"
        return status, *judge(status, verification.path)

    async def _injection(self, trial: Trial, dialler: Dialler) -> Injection:
        """The upstream's credential, of a pool the first one; with a token where it takes one."""
        injection = trial.upstream.credential
        if injection.members:
            injection = injection.members[0].injection
        if injection.token is None:
            return injection
        token = self._token_of(injection.token.source)
        return show_token(injection, token or await _fetch(trial.source, dialler))


async def _fetch(source: TokenSource | None, dialler: Dialler) -> Secret:
    if source is None or isinstance(source.grant, RefreshToken):
        raise TokenError("There is no token now; the log says why none could be fetched.", is_passing=True)
    return (await TokenEndpoint(source, lambda: dialler, _now).fetch(None, LIMIT_S)).token


async def _send(
    trial: Trial, verification: Verification, values: Mapping[str, str], injection: Injection, dialler: Dialler
) -> Answer:
    upstream = trial.upstream
    if injection.unavailable is not None:
        raise GatewayError(Code.CREDENTIAL_UNAVAILABLE, f"its credential isn't there: {injection.unavailable}")
    outgoing = render_call(verification, trial, injection, values)
    if injection.signing is not None:
        outgoing = sign(outgoing, injection.signing, _now())
    connection = await dialler.dial(upstream.endpoints[0].route, upstream.timeouts, reported=lambda _: None)
    return await ask(connection, render(outgoing), outgoing.method, outgoing.body or b"", LARGEST_BYTES)


def choose_call(entry: Mapping[str, Any], path: str | None) -> tuple[Verification, dict[str, str]]:
    """The call: to a path, else the one by which its preset is verified, else to `/`; and the preset's parameters."""
    if path is not None:
        return Verification(path=path), {}
    try:
        preset = read_preset(str(entry["preset"]))
    except (KeyError, UnknownPresetError):
        return Verification(path=ROOT), {}
    written = entry.get("with")
    values = {name: one.default for name, one in preset.parameters.items() if one.default is not None}
    values |= {name: str(value) for name, value in written.items()} if isinstance(written, Mapping) else {}
    if preset.verify is None or any("${" in value for value in values.values()):
        return Verification(path=ROOT), {}
    return preset.verify, values


def is_success(status: int) -> bool:
    """Whether a status is one of success (RFC 9110, 15.3)."""
    return 200 <= status < 300  # noqa: PLR2004 - as it says


def judge(status: int, path: str) -> tuple[bool, str]:
    """Whether a status is good, and what it means."""
    if is_success(status):
        return True, "it answers"
    if status in _REFUSED:
        return False, MEANINGS.get(status, MEANINGS[401])
    if status < 400:  # noqa: PLR2004 - redirects
        return True, "it answers, and points elsewhere"
    if status == 404 and path == ROOT:  # noqa: PLR2004
        return True, "it answers; there is nothing at this path, and whether it takes the credential doesn't show"
    if status < 500:  # noqa: PLR2004
        return False, MEANINGS.get(status, "it answers, but doesn't accept the call")
    return False, "it answers, but has trouble of its own"


def _now() -> float:
    return time.time_ns() / 1e9
