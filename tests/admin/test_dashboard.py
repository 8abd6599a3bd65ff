"""The dashboard's files: what a browser gets, what it may do with it, and what it never gets."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from exeat.admin.dashboard import FOLDER, Dashboard, read_files
from tests.admin.service import HOST, World, calling

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INDEX = '<meta name="nonce" content="{{nonce}}"><script type="module" src="/assets/index-1a2b.js"></script>'
SCRIPT = "console.log('exeat');" * 40
SECRET = "nobody's business"
Get = Callable[..., httpx.Response]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build, and a file beside it that isn't of it."""
    built = tmp_path / "built"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(INDEX)
    (built / "assets" / "index-1a2b.js").write_text(SCRIPT)
    (built / "assets" / "inter-5e6f.woff2").write_bytes(b"wOF2")
    (built / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text(SECRET)
    return built


@pytest.fixture
def get(world: World, folder: Path) -> Iterator[Get]:
    """Somebody who asks the control listener, and isn't logged in."""
    with calling(world) as api, asyncio.Runner() as runner:
        api.app.router.default = Dashboard(api.app.router.not_found, folder)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(api.app), base_url=HOST)

        def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
            fields = {**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
            request = client.build_request(method, HOST, headers=fields)
            request.url = httpx.URL(HOST, raw_path=path.encode())  # as it is written: nothing is made simpler
            return runner.run(client.send(request))

        yield ask
        runner.run(client.aclose())


class TestPage:
    def test_policy(self, get: Get) -> None:
        """The page may load from its own listener alone; no script or style in it counts but by the nonce."""
        policy = get("/").headers["content-security-policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == directives["connect-src"] == directives["font-src"] == "'self'"
        assert re.fullmatch(r"'self' 'nonce-[\w-]{20,}'", directives["style-src"])
        assert directives["frame-ancestors"] == directives["base-uri"] == directives["form-action"] == "'none'"
        assert "unsafe" not in policy

    def test_nonce_is_of_one_answer(self, get: Get) -> None:
        """Each answer has a nonce of its own, in the page as in its policy; so no cache may keep it."""
        first, second = get("/"), get("/")
        found = re.search(r"'nonce-([\w-]+)'", first.headers["content-security-policy"])
        assert found is not None
        assert f'content="{found[1]}"' in first.text
        assert found[1] not in second.text
        assert "{{nonce}}" not in first.text
        assert first.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("path", ["/", "/index.html", "/exchanges", "/exchanges/01a226d6-ea08", "/upstreams/x?y=1"])
    def test_paths_of_the_page(self, get: Get, path: str) -> None:
        """A path that the page itself understands is answered with the page: it can be reloaded, and linked to."""
        response = get(path)
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "index-1a2b.js" in response.text

    @pytest.mark.parametrize("path", ["/exchanges", "/robots"])
    def test_programs_get_no_page(self, get: Get, path: str) -> None:
        """What doesn't ask for a page is told that there is nothing, as the API says it."""
        response = get(path, Accept="application/json")
        assert (response.status_code, response.json()["code"]) == (404, "not-found")

    @pytest.mark.parametrize(
        "path", ["/api/v1/nothing", "/api/v2/status", "/assets/gone-9z9.js", "/robots.txt", "/a.b"]
    )
    def test_what_is_no_page(self, get: Get, path: str) -> None:
        """A path of the API, or the name of a file that isn't there, is never answered with the page."""
        response = get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"

    def test_head(self, get: Get) -> None:
        """HEAD answers as GET does, without the page."""
        response = get("/", "HEAD")
        assert (response.status_code, response.content) == (200, b"")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_nothing_is_written(self, get: Get, method: str) -> None:
        """Other methods find nothing."""
        assert get("/exchanges", method).status_code == 404


class TestFiles:
    def test_caching(self, get: Get) -> None:
        """What has its digest in its name is kept for good; anything else is asked for again."""
        assert get("/assets/index-1a2b.js").headers["cache-control"] == "public, max-age=31536000, immutable"
        assert get("/icon.svg").headers["cache-control"] == "no-cache"

    @pytest.mark.parametrize(
        ("path", "media_type"),
        [
            ("/assets/index-1a2b.js", "text/javascript; charset=utf-8"),
            ("/assets/inter-5e6f.woff2", "font/woff2"),
            ("/icon.svg", "image/svg+xml"),
        ],
    )
    def test_types(self, get: Get, path: str, media_type: str) -> None:
        """A file has the type that browsers ask for, and nothing guesses another."""
        response = get(path)
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
        assert response.headers["x-content-type-options"] == "nosniff"

    def test_compression(self, get: Get) -> None:
        """Whoever takes gzip gets it; the others the file as it is; caches tell them apart."""
        small, whole = (
            get("/assets/index-1a2b.js", Accept_Encoding="gzip"),
            get("/assets/index-1a2b.js", Accept_Encoding="identity"),
        )
        assert small.headers["content-encoding"] == "gzip"
        assert int(small.headers["content-length"]) < int(whole.headers["content-length"])
        assert small.text == whole.text == SCRIPT
        assert small.headers["vary"] == whole.headers["vary"] == "Accept-Encoding"

    @pytest.mark.parametrize(
        "path",
        [
            "/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//secret.txt",
            "/assets/..%2f..%2fsecret.txt", "/%2fsecret.txt", "/..\\secret.txt", "/assets/index-1a2b.js%00.svg",
        ],
    )  # fmt: skip
    def test_nothing_else_is_read(self, get: Get, path: str) -> None:
        """No way of writing a path leads out of the build."""
        assert SECRET not in get(path).text

    def test_a_file_that_comes_later(self, get: Get, folder: Path) -> None:
        """Nothing is served that wasn't built when the first was asked for: not even a link to something else."""
        get("/")
        (folder / "assets" / "late-7g8h.js").symlink_to(folder.parent / "secret.txt")
        assert get("/assets/late-7g8h.js").status_code == 404


class TestUnbuilt:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """No build."""
        return tmp_path / "nothing"

    def test_says_how_to_build(self, get: Get) -> None:
        """Without a build, the address of the dashboard says how to make one; the rest isn't there."""
        response = get("/")
        assert response.status_code == 404
        assert "make web" in response.text
        assert get("/exchanges").status_code == 404
        assert get("/api/v1/openapi.json").status_code == 200


class TestBuild:
    """What `make web` has built; `make test` builds it first."""

    BUILT = read_files(FOLDER)

    def test_is_built(self) -> None:
        """The build is there."""
        assert "index.html" in self.BUILT, "run `make web`"

    def test_nothing_inline(self) -> None:
        """The page has no script or style within, and no address of another host: its policy would stop them."""
        page = self.BUILT["index.html"].content.decode()
        assert re.findall(r"<script(?![^>]* src=)[^>]*>|<style|\son\w+=|style=|javascript:|data:", page) == []
        assert re.findall(r"(?:src|href)=\"(?!/)", page) == []
        assert "{{nonce}}" in page

    def test_no_other_host(self) -> None:
        """No file of the build loads anything from elsewhere."""
        loads = re.compile(rb"@import\s|url\(\s*[\"']?(?:https?:)?//|import\([\"']https?:|sourceMappingURL")
        assert [name for name, file in self.BUILT.items() if loads.search(file.content)] == []

    def test_size(self) -> None:
        """All of it together has at most 400 KiB, as it is sent."""
        assert sum(len(file.gzipped or file.content) for file in self.BUILT.values()) <= 400 * 1024
