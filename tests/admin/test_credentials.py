"""Credentials: what `${vault:NAME}` stands for."""

from exeat.config.display import MASK
from exeat.model.stored import vault_context
from exeat.store.configuration.stored import read_stored
from tests.admin.service import UPSTREAM, Api
from tests.support.markers import MARKERS

PATH = "/credentials/openai"


def test_life_of_a_credential(either_api: Api) -> None:
    """A credential goes in, is used, is changed with its version, and can't be removed while it is used."""
    api = either_api
    first, second = MARKERS.make("first"), MARKERS.make("second")
    made = api.fine("PUT", PATH, {"value": first}, headers={"If-None-Match": "*"})
    assert (made["version"], made["changed_by"], made["used_by"]) == (1, "local", [])
    api.fine("PUT", "/upstreams/openai", {**UPSTREAM, "credential": {"kind": "bearer", "secret": "${vault:openai}"}})
    assert api.get(PATH)["used_by"] == ["upstream/openai"]
    assert api.refused("PUT", PATH, {"value": second}) == (428, "version-missing")
    assert api.fine("PUT", PATH, {"value": second}, tag='"1"')["version"] == 2
    assert api.fine("PUT", PATH, {"value": second}, tag='"2"')["version"] == 2
    sealed = read_stored(api.world.engine).vault["openai"]
    assert api.world.sealer.open(sealed, vault_context("openai")) == second.encode()
    assert api.refused("DELETE", PATH, tag='"2"') == (409, "conflict")
    api.ask("DELETE", "/upstreams/openai", tag="*")
    assert api.ask("DELETE", PATH, tag='"2"').status_code == 204
    assert api.refused("GET", PATH) == (404, "not-found")
    shown = repr((api.get("/credentials"), [api.get(f"/revisions/{n}") for n in range(1, 6)], api.world.records))
    assert first not in shown
    assert second not in shown


def test_used_by_a_file(api: Api) -> None:
    """A credential that a file refers to is used, too."""
    secret = MARKERS.make("filed")
    api.fine("PUT", PATH, {"value": secret})
    api.world.document = (
        "upstreams: {filed: {url: 'https://f.example.com', credential: {kind: bearer, secret: '${vault:openai}'}}}\n"
    )
    assert api.get("/credentials")["items"][0]["used_by"] == ["upstream/filed"]
    assert api.refused("DELETE", PATH, tag="*") == (409, "conflict")


def test_wrong_credentials(api: Api) -> None:
    """A name that can't be, no value, and a mask are refused; a value that an upstream can't use is, too."""
    assert set(api.problems("PUT", "/credentials/Open_AI", {"value": "x"})) == {""}
    assert set(api.problems("PUT", PATH, {"value": ""})) == {"/value"}
    assert set(api.problems("PUT", PATH, {"value": MASK})) == {"/value"}
    assert set(api.problems("PUT", PATH, {"secret": "x"})) == {"/secret", "/value"}
    api.fine("PUT", PATH, {"value": MARKERS.make("usable")})
    api.fine("PUT", "/upstreams/openai", {**UPSTREAM, "credential": {"kind": "bearer", "secret": "${vault:openai}"}})
    answer = api.ask("PUT", PATH, {"value": "two\nlines"}, tag="*").json()
    assert [problem["path"] for problem in answer["problems"]] == ["upstreams.openai.credential.secret"]
    assert "two" not in str(answer)
