"""Loading is total and quick: any document gives a snapshot or problems, and ten thousand keys cost seconds."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.document import Document
from exeat.config.handover import dumps, loads
from exeat.config.problem import DocumentError, Problem
from exeat.config.schema import EXAMPLE, build_schema
from tests.config.conftest import Desk


def _words() -> list[str]:
    """Field names and values that lead deep into the document."""
    definitions = build_schema()["$defs"].values()
    fields = {name for entry in definitions for name in entry["properties"]}
    values = "bearer basic header query caller none * destinations off report enforce 5s 10.0.0.0/8 ::/0 GET /v1/**"
    more = "https://a.com http://[::1]:8 *.b.org a.com:1 ${X} ${file:x} ${ $${ '' a b -----BEGIN 2027-01-01 \ud800 \0"
    return sorted({*Document.model_fields, *fields, *values.split(), *more.split(" "), "x" * 64, "0" * 64, "\n"})


LIMITS = ["5/minute", "9/day", "1_000/month", "9 USD/day", "0.5 USD", "9 USD", "$.a", "UTC", "ip", "header:x"]
WORDS = st.sampled_from([*_words(), *LIMITS])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=25,
)
UPSTREAM = st.dictionaries(st.sampled_from(list(build_schema()["$defs"]["Upstream"]["properties"])), DATA, max_size=5)
CONSUMER = st.dictionaries(st.sampled_from(["keys", "grants", "networks", "limits", "priority"]), DATA, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "upstreams": st.dictionaries(st.sampled_from(["a", "b", "C"]), UPSTREAM, max_size=3) | DATA,
        "consumers": st.dictionaries(st.sampled_from(["a", "b"]), CONSUMER, max_size=2) | DATA,
        "destinations": st.lists(DATA, max_size=3) | DATA,
        "cors": DATA,
        "domains": DATA,
        "network": DATA,
        "limits": DATA,
    },
)


def _load_whatever(text: str, **variables: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        (desk.folder / "exeat.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        for attempt in (desk.load, desk.reload):
            problems: tuple[Problem, ...] = ()
            try:
                loaded = attempt(**variables)
            except DocumentError as error:
                problems = error.problems
            else:
                assert loads(dumps(loaded.snapshot)) == loaded.snapshot
                continue
            assert problems
            assert all(str(problem).isprintable() for problem in problems)


@given(DOCUMENTS | DATA)
def test_any_data(data: object) -> None:
    """Any JSON-like data is a snapshot or a list of problems, never another exception."""
    _load_whatever(json.dumps(data))


@given(
    st.dictionaries(st.sampled_from(["URL", "PATHS", "TLS__CA", "NETWORK__PRIVATE", "CREDENTIAL", "HOSTS", "_"]), WORDS)
)
def test_any_variables(values: dict[str, str]) -> None:
    """So is anything in the environment."""
    values["\udcff"] = "x"
    variables = {f"EXEAT_UPSTREAMS__{name}__URL": "https://a.com" for name in values}
    variables |= {f"EXEAT_UPSTREAMS__A__{name}": value for name, value in values.items() if "\0" not in value}
    _load_whatever("", **variables)


@given(st.data())
def test_a_valid_document_with_one_thing_else(data: st.DataObject) -> None:
    """So is a valid document in which any one value is replaced."""
    document = json.loads(json.dumps(EXAMPLE))
    node: object = document
    while True:
        choices = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        key = data.draw(st.sampled_from(choices))
        inner = node[key] if isinstance(node, dict | list) else None
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            if isinstance(node, dict | list):
                node[key] = data.draw(DATA)
            break
        node = inner
    _load_whatever(json.dumps(document), GITHUB_TOKEN="x", OPENAI_API_KEY="y")


@pytest.mark.slow
def test_ten_thousand_keys(desk: Desk) -> None:
    """A thousand upstreams and ten thousand consumers load in well under the time a reload may take (2 s when idle)."""
    upstreams = "".join(
        f"  up-{n}: {{url: 'https://up{n}.example.com/v1', credential: {{kind: bearer, secret: '${{T}}-{n}'}}}}\n"
        for n in range(1_000)
    )
    consumers = "".join(
        f"  c-{n}: {{keys: [{{sha256: {hashlib.sha256(b'%d' % n).hexdigest()}}}], grants: [up-{n % 1000}, '*']}}\n"
        for n in range(10_000)
    )
    desk.write(f"upstreams:\n{upstreams}consumers:\n{consumers}")
    began = time.process_time()
    snapshot = desk.load(T="x").snapshot
    taken = time.process_time() - began
    assert (len(snapshot.upstreams), len(snapshot.keys)) == (1_000, 10_000)
    assert taken < 10  # five times what it takes here, for machines that are busy


def test_import_is_quick() -> None:
    """Importing all of the configuration costs a start little (0.2 s when idle)."""
    program = "import time; t = time.process_time(); import exeat.config.compile; print(time.process_time() - t)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert float(shown) < 1.5
