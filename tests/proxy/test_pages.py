"""The pages for people: true, complete, and harmless whatever a caller sends."""

from html.parser import HTMLParser

import pytest

from exeat.errors import MEANINGS, Code
from exeat.model.snapshot import Snapshot
from exeat.proxy.pages import error_page, home_page
from tests.support.playbook import KEYED, Stage, on_stage, scene
from tests.support.values import consumer, destination, grant, key, new_key, rules, snapshot, upstream

HOST = "Host: gateway.test:8443"
HERE = "http://gateway.test:8443"
VOID = {"meta"}


class Page(HTMLParser):
    """What a browser would make of a page: its tags, where its links lead, its text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(content.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in {"href", "src", "action"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """A tag closes, the one that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        self.text += data


def granted() -> Snapshot:
    """A consumer with rules of each kind."""
    owner = consumer(
        {
            "api": [grant("api", methods=[b"GET"], paths=rules("/open/**"))],
            "shop": [grant("shop", report=True)],
        },
        destinations={"*.elsewhere.test": [grant("*.elsewhere.test")]},
    )
    return snapshot(
        upstream("api", "http://api.test"),
        upstream("shop", "http://shop.test", paths=rules(deny=("/admin/**",))),
        upstream("other", "http://other.test"),
        destinations=[destination("*.elsewhere.test")],
        known={bytes.fromhex(new_key().sha256): key(owner)},
    )


def read(stage: Stage, path: str, *lines: str) -> Page:
    """Fetch a page."""
    caller = stage.caller()
    caller.says(f"GET {path} HTTP/1.1", HOST, *lines)
    head, _, body = caller.takes().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'" in head
    return Page(body)


@scene()
def test_a_stranger_learns_how_to_call(stage: Stage) -> None:
    """Without a key the page has lines to copy with the gateway's own address, and names no upstream."""
    page = read(stage, "/-/")
    assert f"curl -H 'Exeat-Key: exeat_…' {HERE}/NAME/path\n" in page.text
    assert f"curl -H 'Exeat-Key: exeat_…' {HERE}/https://api.example.com/path\n" in page.text
    assert f"{HERE}/-/whoami" in page.text
    assert f"{HERE}/api/" not in page.text


def test_a_key_lists_what_it_may_call() -> None:
    """With a key the page lists the address, methods and paths of each grant, the upstream's own rules included."""
    with on_stage(granted()) as stage:
        text = read(stage, "/-/", KEYED).text
        assert f"{HERE}/api/GET/open/**" in text
        assert f"{HERE}/shop/any/** except /admin/** (others pass, and are recorded)" in text
        assert f"{HERE}/https://*.elsewhere.test/anyany" in text
        assert f"{HERE}/other/" not in text


def test_a_key_without_grants() -> None:
    """Nothing to call is said, too."""
    assert "Nothing yet" in Page(home_page(HERE, "web", [])).text


def test_http_1_0_may_have_no_host() -> None:
    """Where the caller didn't say how it addresses the gateway, the lines to copy say so."""
    with on_stage(granted()) as stage:
        caller = stage.caller()
        caller.says("GET /-/ HTTP/1.0")
        assert b" http://gateway/-/whoami" in caller.takes()


@pytest.mark.parametrize("gateway", ["http://<script>", "http://\"'&lt;<b x=", ""])
def test_a_host_is_text(gateway: str) -> None:
    """What stands in Host is shown as text, never as markup."""
    page = Page(home_page(gateway, "<i>", [{"destination": "<u>", "methods": ["<s>"], "denied_paths": ["<q>"]}]))
    assert not {"script", "b", "i", "u", "s", "q"} & set(page.tags)
    assert (gateway or "http://gateway") in page.text


@pytest.mark.parametrize("code", list(Code), ids=str)
def test_every_error_is_explained(code: Code) -> None:
    """A page says what an error means, what to do and how to recognise it, and the home page leads to it."""
    content = error_page(code)
    assert content is not None
    page, meaning = Page(content), MEANINGS[code]
    assert meaning.title in page.text
    for said in (meaning.explanation, meaning.hint):
        assert said.replace("'", "") in page.text.replace("'", "")  # what is quoted is set as code
    assert f"Status{meaning.status}Exeat-Error{code}Proxy-Statusexeat; error={meaning.proxy_status}" in page.text
    assert ("Retry-After" in page.text) == (meaning.retry_after is not None)
    assert page.links == ["/-/"]
    assert f"/-/errors/{code}" in Page(home_page(HERE, None, [])).links


@pytest.mark.parametrize("name", ["", "nothing", "KEY-MISSING", "<script>"])
def test_no_page_for_what_is_no_error(name: str) -> None:
    """Only a code has a page."""
    assert error_page(name) is None


@pytest.mark.parametrize("content", [home_page(HERE, None, []), error_page(Code.INTERNAL)])
def test_nothing_is_loaded(content: bytes) -> None:
    """A page has no script, no form, and nothing from elsewhere."""
    page = Page(content)
    assert not {"script", "form", "img", "link", "iframe", "object"} & set(page.tags)
    assert all(link.startswith("/-/") for link in page.links)
    assert b"url(" not in content
    assert b"@import" not in content
