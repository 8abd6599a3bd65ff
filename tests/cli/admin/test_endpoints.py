"""`exeat upstream endpoints`, `trip`, `drain`, `reset`, `restore`: what is said of endpoints by hand."""

from tests.cli.admin.place import Place

A, B = "https://a.example.com", "https://b.example.com:8443"
DOCUMENT = f"upstreams:\n  billing:\n    endpoints: [{A}, '{B}']\n  github:\n    url: https://api.github.com\n"


def test_by_hand(anywhere: Place) -> None:
    """An endpoint of a document's upstream is drained, tripped, restored and reset; each command shows what holds."""
    anywhere.write("exeat.yaml", DOCUMENT)
    said = anywhere.do("upstream", "drain", "billing", "a.example.com", "--why", "a new disk").splitlines()
    assert said[0].split() == ["ENDPOINT", "STATE", "UNTIL", "PENDING", "FAILURES", "REASON"]
    assert said[1].split()[:4] == [A, "drained", "taken", "back"]
    assert said[1].endswith(": a new disk")
    assert said[2].split() == [B, "well", "?", "?"]
    anywhere.do("upstream", "restore", "billing", A)
    tripped = anywhere.read("upstream", "trip", "billing", B, "--for", "10m")
    assert [one["state"] for one in tripped["items"]] == ["well", "tripped"]
    assert tripped["items"][1]["until"] is not None
    assert [one["state"] for one in anywhere.read("upstream", "reset", "billing")["items"]] == ["well", "well"]
    assert anywhere.read("upstream", "endpoints", "billing") == anywhere.read("upstream", "restore", "billing")["items"]
    why = [one["why"] for one in anywhere.read("revision", "list")]
    assert why == ["", "", "", "a new disk"]


def test_the_last_one(place: Place) -> None:
    """Where no endpoint is left, it is done, and said."""
    place.write("exeat.yaml", DOCUMENT)
    done = place.run("upstream", "drain", "github")
    assert done.returncode == 0
    assert done.stderr == (
        "exeat: warning: no endpoint of 'github' is left: its calls are answered with circuit-open\n"
    )


def test_what_cannot_be(place: Place) -> None:
    """A name that isn't there, an endpoint that isn't clear and a time that isn't one are refused with what to do."""
    place.write("exeat.yaml", DOCUMENT)
    code, said = place.refused("upstream", "drain", "biling")
    assert (code, "did you mean 'billing'" in said) == (2, True)
    code, said = place.refused("upstream", "drain", "billing")
    assert (code, f"write one of {A}, {B}" in said) == (2, True)
    code, said = place.refused("upstream", "drain", "billing", "https://c.example.com")
    assert (code, f"it has {A}, {B} (" in said) == (2, True)
    code, said = place.refused("upstream", "trip", "billing", A, "--for", "soon")
    assert (code, "as in 12h" in said) == (2, True)
    code, said = place.refused("upstream", "endpoints", "nobody")
    assert (code, "There is no upstream 'nobody'" in said) == (2, True)
    assert place.read("revision", "list") == []
