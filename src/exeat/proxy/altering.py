"""Bodies that are altered on their way to the caller: URLs in JSON in its form, and no spelling of the secret.

Rule 1: only where an upstream says so; every other body passes by, and costs nothing.
Rule 2: a body that can't be searched for the secret isn't passed on.
Rule 3: nothing is gathered: what comes leaves, but for the few bytes that may be a part of what is looked for.
"""

from functools import partial
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.json_path import JsonPath
from exeat.model.links import Links, SignedLinks
from exeat.model.secret import Secret
from exeat.model.upstream import Upstream
from exeat.policy.authorize import Permit
from exeat.policy.body_scrub import BodyScrub
from exeat.policy.plain_bodies import coding_of, has_content, is_json, with_framing
from exeat.policy.rewrite import Form, rewrite_url, scrub_text
from exeat.proxy.by_link import LinkMaker, link_maker
from exeat.proxy.exchange import Answer, BodySink, Caller, Exchange, Flow
from exeat.proxy.forms import form_of
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.coding import KNOWN, Decoder
from exeat.wire.http1 import ResponseHead
from exeat.wire.json_strings import NamedStrings, PlacedStrings, Replace

DIGESTS_IN_TRAILERS: Final = (b"content-digest:", b"repr-digest:", b"digest:", b"content-md5:")


def alter(
    exchange: Exchange,
    permit: Permit,
    upstream: Upstream,
    connection: UpstreamConnection,
    response: ResponseHead,
    runtime: Runtime,
) -> "Altered | None":
    """What alters the body of an answer; None for nothing. GatewayError where it would have to, and can't."""
    links = upstream.links if is_json(response) else None
    scrubs = upstream.scrubs_bodies and bool(connection.needles)
    if links is None and not scrubs:
        return None
    method = exchange.head_or_raise.method
    if not has_content(method, response):
        if links is None or method != b"HEAD":
            return None
        return Altered(exchange, response, decoder=None, links=None, scrub=None, resizes=True)
    coding = coding_of(response)
    decoder = Decoder(coding) if coding in KNOWN else None
    if coding and decoder is None:
        if not scrubs:
            return None
        detail = "The upstream sent a body in a content coding that nobody asked for, and that can't be searched."
        raise GatewayError(Code.UPSTREAM_MALFORMED, detail)
    return Altered(
        exchange,
        response,
        decoder=decoder,
        links=None if links is None else _links_in_json(exchange, permit, links, connection.needles, runtime),
        scrub=BodyScrub(connection.needles) if scrubs else None,
        resizes=links is not None or decoder is not None,
    )


def _links_in_json(
    exchange: Exchange, permit: Permit, links: Links, needles: tuple[Secret, ...], runtime: Runtime
) -> "LinksInJson":
    maker = link_maker(exchange, permit, runtime.signers, runtime.wall()) if links.signed else None
    return LinksInJson(links, form_of(exchange, permit), needles, maker)


@final
class LinksInJson:
    """Rewrites the URLs that are the value of certain members of one JSON text; `maker` signs those that are to be."""

    def __init__(self, links: Links, form: Form, needles: tuple[Secret, ...], maker: LinkMaker | None) -> None:
        self._form = form
        self._needles = needles
        self._maker = maker
        self._steps: list[NamedStrings | PlacedStrings] = []
        for rule in links.signed:
            self._add(rule.names, rule.paths, partial(self._sign, rule))
        self._add(links.names, links.paths, self._rewrite)

    def _add(self, names: tuple[str, ...], paths: tuple[JsonPath, ...], replace: Replace) -> None:
        if names:
            self._steps.append(NamedStrings(names, replace))
        if paths:
            self._steps.append(PlacedStrings(paths, replace))

    def _rewrite(self, url: bytes) -> bytes:
        return rewrite_url(scrub_text(url, self._needles), self._form)

    def _sign(self, rule: SignedLinks, url: bytes) -> bytes:
        url = self._rewrite(url)
        return url if self._maker is None else self._maker.sign(url, rule)

    def feed(self, content: bytes) -> bytes:
        """Take the next bytes; what can leave by now."""
        for step in self._steps:
            content = step.feed(content)
        return content

    def finish(self) -> bytes:
        """The text is complete; what was held back."""
        rest = b""
        for step in self._steps:
            rest = step.feed(rest) + step.finish()
        return rest


@final
class Altered(Caller):
    """Stands between an upstream's connection and the caller, and alters the content that passes."""

    def __init__(
        self,
        exchange: Exchange,
        response: ResponseHead,
        *,
        decoder: Decoder | None,
        links: LinksInJson | None,
        scrub: BodyScrub | None,
        resizes: bool,
    ) -> None:
        self._exchange = exchange
        self._caller = exchange.caller
        self._response = response
        self._decoder = decoder
        self._links = links
        self._scrub = scrub
        self._resizes = resizes
        self._has_failed = False

    def first(self, connection: UpstreamConnection) -> tuple[ResponseHead, bytes, bool]:
        """The head of the altered answer, the content that came with it, and whether that is all."""
        content, done = connection.begin_body()
        content = self._feed(content)
        if done:
            content += self._finish()
        else:
            connection.turn_to(self)
        return self._head(content, is_whole=done and not connection.trailers), content, done

    def _head(self, content: bytes, *, is_whole: bool) -> ResponseHead:
        response = self._response
        if not self._resizes:
            return response
        has_none = self._links is None and self._decoder is None  # of a HEAD, the length isn't known
        length = len(content) if is_whole and not has_none else None
        return with_framing(response, length, chunked=length is None, decoded=self._decoder is not None)

    def _feed(self, content: bytes) -> bytes:
        if self._decoder is not None:
            content = self._decoder.feed(content)
        if self._links is not None:
            content = self._links.feed(content)
        return content if self._scrub is None else self._scrub.feed(content)

    def _finish(self) -> bytes:
        rest = b"" if self._decoder is None else self._decoder.finish()
        if self._links is not None:
            rest += self._links.finish()
        return rest if self._scrub is None else self._scrub.feed(rest) + self._scrub.finish()

    # What the connection calls

    def content(self, content: bytes, *, last: bool) -> None:
        """Pass on content as it is to be."""
        if self._has_failed:
            return
        try:
            altered = self._feed(content)
            if last:
                altered += self._finish()
        except GatewayError as error:
            self._fail(error)
            return
        if altered:
            self._caller.content(altered, last=last)

    def end(self, trailers: list[bytes]) -> None:
        """The body is complete."""
        if self._has_failed:
            return
        try:
            rest = self._finish()
        except GatewayError as error:
            self._fail(error)
            return
        if rest:
            self._caller.content(rest, last=True)
        if self._resizes:
            trailers = [line for line in trailers if not line.lower().startswith(DIGESTS_IN_TRAILERS)]
        self._caller.end(trailers)

    def _fail(self, error: GatewayError) -> None:
        self._has_failed = True
        self._exchange.drive.interrupt(error)

    # What passes by

    @property
    def gateway(self) -> bytes:
        """As the caller addresses the gateway."""
        return self._caller.gateway

    def pump_body(self, sink: BodySink) -> None:
        """The request's body is the caller's."""
        self._caller.pump_body(sink)

    def interim(self, status: int, reason: bytes, fields: list[bytes]) -> None:
        """Interim answers have no body."""
        self._caller.interim(status, reason, fields)

    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None:
        """The head has been sent before."""
        self._caller.begin(answer, content, done=done)

    def attach(self, source: Flow) -> None:
        """The caller itself pauses the connection."""
        self._caller.attach(source)

    def abort(self, code: Code) -> None:
        """The answer can't be completed."""
        self._caller.abort(code)

    def pause_body(self) -> None:
        """The upstream reads slowly."""
        self._caller.pause_body()

    def resume_body(self) -> None:
        """The upstream reads again."""
        self._caller.resume_body()
