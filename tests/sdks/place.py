"""A gateway before the stand-ins of some APIs: TLS on both sides, one key, and the credentials in its document."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.apis.answers import Answer, Recording, behaving
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, JsonObject, make_key
from tests.support.origins import Origin


class Api(NamedTuple):
    """An API by its answer, and what its upstream has beside the URL.

    `base` is a path that the URL ends with, `sibling` is another host of the API, `is_trusted` if it gets the
    credential, too.
    """

    answer: Answer
    entry: Mapping[str, object]
    base: str = ""
    sibling: Origin | None = None
    is_trusted: bool = True


def beside(authority: Authority, answer: Answer) -> Origin:
    """Another host of an API."""
    return Origin(behaving(answer), authority.server_context())


class Place(NamedTuple):
    """Where SDKs call, with which key, and the APIs behind it by the names of their upstreams."""

    gateway: Gateway
    key: str
    apis: Mapping[str, Recording]
    siblings: Mapping[str, Origin]
    authority: Authority

    @property
    def url(self) -> str:
        """The gateway's URL."""
        return self.gateway.url

    def sibling(self, name: str) -> str:
        """Where the other host of an API is, by way of the gateway."""
        return f"{self.url}/{name}/~{self.siblings[name].authority}"

    def record(self, request_id: str | None) -> JsonObject:
        """What the gateway noted of a call, by what the SDK shows as `Exeat-Request-Id`."""
        assert request_id, "the SDK doesn't show the answer's Exeat-Request-Id"
        return self.gateway.access_line(request_id)


@contextmanager
def placed(authority: Authority, folder: Path, **apis: Api) -> Iterator[Place]:
    """Run them for the length of a block."""
    key = make_key()
    certificate, private = folder / "listener.pem", folder / "listener.key"
    authority.write_pair(certificate, private, "127.0.0.1", "localhost", "*.localhost")
    env = {"EXEAT_TLS_CERTIFICATE": str(certificate), "EXEAT_TLS_KEY": str(private)}
    recordings = {name: Recording(api.answer) for name, api in apis.items()}
    siblings = {name: api.sibling for name, api in apis.items() if api.sibling is not None}
    with ExitStack() as stack:
        upstreams = {}
        for name, api in apis.items():
            origin = Origin(behaving(recordings[name]), authority.server_context())
            stack.enter_context(origin)
            upstreams[name] = origin.entry(authority.file, api.base, **api.entry)
            if name in siblings:
                upstreams[name]["siblings"] = [{"host": siblings[name].url, "credential": api.is_trusted}]
        consumers = {"app": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
        gateway = stack.enter_context(Gateway({"upstreams": upstreams, "consumers": consumers}, env))
        yield Place(gateway, key.key, recordings, siblings, authority)
