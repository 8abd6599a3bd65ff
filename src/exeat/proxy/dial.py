"""Opening connections to upstreams: the only place in the project that dials.

Resolve once, judge every address, refuse if any is bad, connect to a judged address by number, verify the name.
The address that was judged is the address that is dialled, so a name that changes its answer gains nothing.
"""

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Iterable

from exeat.errors import Code, GatewayError
from exeat.model.decision import Decision
from exeat.model.limits import DEFAULT, Limits
from exeat.model.upstream import Network, Route, Timeouts, TlsIdentity
from exeat.policy.address import judge_address, judge_name
from exeat.proxy.names import Names
from exeat.proxy.outbox import Outbox
from exeat.proxy.secure import HandshakeTimeout, Inner, Secure
from exeat.proxy.upstream import UpstreamConnection

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # this machine's fault, not the peer's


class Dialler:
    """Dials for one worker. `own` are the addresses and ports of Exeat's own listeners."""

    def __init__(self, names: Names, own: Iterable[tuple[str, int]], trust: "Trust", limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self._names = names
        self._own = frozenset(own)
        self._own_ports = frozenset(port for _, port in self._own)
        self._trust = trust
        self.outbox = Outbox()  # shared with the callers' connections: one turn, one batch of writes
        self.nat64: tuple[Network, ...] = ()

    async def dial(
        self, route: Route, timeouts: Timeouts, *, reported: Callable[[Decision], None]
    ) -> UpstreamConnection:
        """A ready connection, each step within its time; GatewayError says which step failed."""
        addresses = await self.addresses(route, dns_s=timeouts.dns_s, reported=reported)
        connection = UpstreamConnection(route, self.outbox, self.limits)
        await self._connect(connection, route, addresses, timeouts)
        return connection

    async def addresses(self, route: Route, *, dns_s: float, reported: Callable[[Decision], None]) -> tuple[str, ...]:
        """The addresses of an origin, every one of them judged."""
        host, port = route.origin.host, route.origin.port
        _enforce(judge_name(host), reported)
        addresses = (host,) if _is_literal(host) else await self._names.addresses(host, dns_s)
        for address in addresses:
            self._refuse_loop(address, port)
            _enforce(judge_address(address, route.reach, self.nat64), reported)
        return addresses

    def _refuse_loop(self, address: str, port: int) -> None:
        if port not in self._own_ports or not is_local(address):
            return
        for own, own_port in self._own:
            wildcard = own in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
            if own_port == port and (wildcard or ipaddress.ip_address(own) == ipaddress.ip_address(address)):
                raise GatewayError(Code.LOOP_DETECTED, "The target is one of Exeat's own listeners.", untouched=True)

    async def _connect(
        self, connection: UpstreamConnection, route: Route, addresses: tuple[str, ...], timeouts: Timeouts
    ) -> None:
        """Connect to the first address that answers; each gets its share of what is left of the time."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeouts.connect_s
        failure: Exception | None = None
        for place, address in enumerate(addresses):
            share = (ends_at - loop.time()) / (len(addresses) - place)
            try:
                return await self._open(connection, route, address, share, timeouts.tls_s)
            except _NoAnswer as error:
                if place == len(addresses) - 1:
                    detail = f"No connection to {route.origin.authority} within {timeouts.connect_s:g} s."
                    raise GatewayError(Code.CONNECT_TIMEOUT, detail, untouched=True) from error
            except OSError as error:
                failure = error
                if isinstance(error, ssl.SSLError):
                    raise _tls_failed(route, error) from error
                if error.errno in EXHAUSTED:
                    raise _exhausted(error) from error
        detail = f"{route.origin.authority} can't be reached: {_reason(failure)}."
        raise GatewayError(Code.CONNECT_FAILED, detail, untouched=True) from failure

    async def _open(
        self, connection: UpstreamConnection, route: Route, address: str, connect_s: float, tls_s: float
    ) -> None:
        """Connect to one address, and shake hands where the origin is https."""
        if route.origin.scheme == "http":
            transport = await _reach(connection, address, route.origin.port, connect_s)
            _check_peer(transport, address)
            return
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(error: Exception | None) -> None:
            if ready.done():
                return
            if error is None:
                ready.set_result(None)
            else:
                ready.set_exception(error)
                ready.exception()  # whoever waits for it has it; where nobody does any more, that is no bug

        context = self._trust.context(route.tls)
        name = route.tls.server_name or route.origin.host
        secure = Secure(connection, context, server_name=name, ended=ended, limit_s=tls_s)
        transport = await _reach(secure, address, route.origin.port, connect_s)
        try:
            if ready.done():
                ready.result()  # why it has ended says more than that it has
            _check_peer(transport, address)
            await ready
        except HandshakeTimeout as error:
            detail = f"{route.origin.authority} was reached, but its TLS handshake wasn't done within {tls_s:g} s."
            raise GatewayError(Code.CONNECT_TIMEOUT, detail, untouched=True) from error
        except BaseException:
            transport.abort()
            raise


class _NoAnswer(Exception):  # noqa: N818 - it is no error where there is another address
    """An address didn't take the connection within its share of the time."""


async def _reach(protocol: Inner, address: str, port: int, limit_s: float) -> asyncio.Transport:
    """A TCP connection within `limit_s` seconds. A system that gives up by itself (ETIMEDOUT) says the same."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit_s):
            transport, _ = await loop.create_connection(lambda: protocol, address, port)  # type: ignore[type-var]  # has asyncio's methods, see secure.Inner
    except TimeoutError as error:
        raise _NoAnswer from error
    return transport


class Trust:
    """TLS contexts for upstreams, one per identity; `files` and `folder` replace the system's trust store."""

    def __init__(self, ca_file: str | None = None, ca_folder: str | None = None) -> None:
        self._ca_file = ca_file
        self._ca_folder = ca_folder
        self._contexts: dict[str, ssl.SSLContext] = {}  # by the identity's fingerprint

    def context(self, identity: TlsIdentity) -> ssl.SSLContext:
        """The context for an identity: TLS 1.2 or newer, ALPN http/1.1, names in SAN only."""
        context = self._contexts.get(identity.fingerprint)
        if context is None:
            if len(self._contexts) > 1024:  # noqa: PLR2004 - identities change with files, old ones aren't needed
                self._contexts.clear()
            context = self._contexts[identity.fingerprint] = self._make(identity)
        return context

    def _make(self, identity: TlsIdentity) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False  # a certificate without SAN names nobody (RFC 9525)
        context.set_alpn_protocols(["http/1.1"])
        if identity.ca is not None:
            context.load_verify_locations(cadata=identity.ca)
        elif self._ca_file or self._ca_folder:
            context.load_verify_locations(self._ca_file, self._ca_folder)
        else:
            context.load_default_certs()
        if identity.certificate is not None:
            load_identity(context, identity.certificate, identity.key.reveal() if identity.key else None)
        if not identity.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def load_identity(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    """Load a certificate and key given as PEM text: through a file in memory, because OpenSSL's loader wants paths."""
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(certificate + "\n" + (key or ""))
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")


def is_local(address: str) -> bool:
    """Whether an address is this machine's own: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise _exhausted(error) from error
        return False
    return True


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _enforce(decision: Decision, reported: Callable[[Decision], None]) -> None:
    if decision.outcome == "deny":
        raise GatewayError(decision.code or Code.ADDRESS_BLOCKED, decision.reason, untouched=True)
    if decision.outcome == "report":
        reported(decision)


def _check_peer(transport: asyncio.BaseTransport, address: str) -> None:
    peer = None if transport.is_closing() else transport.get_extra_info("peername")
    if peer is None:  # it has ended already, and uvloop knows no more of it
        transport.abort()  # type: ignore[attr-defined]  # what create_connection makes
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    if ipaddress.ip_address(peer[0].partition("%")[0]) != ipaddress.ip_address(address):
        transport.abort()  # type: ignore[attr-defined]  # what create_connection makes
        raise GatewayError(Code.INTERNAL, "The connection leads to another address than the one that was judged.")


def _exhausted(error: OSError) -> GatewayError:
    return GatewayError(Code.OVERLOADED, f"The gateway can't open a connection: {error.strerror}.", untouched=True)


def _tls_failed(route: Route, error: ssl.SSLError) -> GatewayError:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else (error.reason or "no TLS")
    detail = f"TLS with {route.origin.authority} failed: {reason.rstrip('.')}."
    return GatewayError(Code.TLS_FAILED, detail, untouched=True)


def _reason(error: Exception | None) -> str:
    return (getattr(error, "strerror", None) or "the connection failed") if error is not None else "it has no address"
