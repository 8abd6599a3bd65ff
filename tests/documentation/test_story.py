"""A page whose examples don't do what it says is found out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documentation.pages import ROOT, Page
from tests.documentation.standins import Running, run_stand_ins
from tests.documentation.story import Story

DIGEST = "1f0a6b7d9c3e58204b6d8e91a2c4f7b35d60e8f9127a4c3b6e5d8091f2a3b4c5"
SERVED = f"""\
```yaml
# exeat.yaml
upstreams:
  github:
    url: https://api.github.com
    credential: {{kind: bearer, secret: "${{GITHUB_TOKEN}}"}}
consumers:
  web-shop:
    keys: [{{sha256: {DIGEST}}}]
    grants: [github]
```
```console
$ exeat serve
…
```
"""
TRUE = {
    "a command": "```console\n$ echo one; echo two\none\n…\n```",
    "a failure that is asked for": "```console\n$ false\n$ echo $?\n1\n```",
    "what lasts": "```console\n$ word=yes\n```\n```console\n$ echo $word\nyes\n```",
    "a program": "```python\nprint(1 + 1)\n```\n\n```text\n2\n```",
    "a file": "```sh\n# here.env\nA=1\n```\n```console\n$ cat here.env\n# here.env\nA=1\n```",
    "a document": "```yaml\ndestinations: [api.example.com]\n```",
    "a broken document": "```yaml\n# broken.yaml\ndestinations: ['*']\n```",
    "a call in a table": SERVED + '| x | `curl -H "Exeat-Key: $KEY" http://127.0.0.1:8080/github/user` |',
    "text for people": "```text\nanything\n```",
}
FALSE = {
    "another output": "```console\n$ echo one\ntwo\n```",
    "a line too few": "```console\n$ echo one; echo two\none\n```",
    "a failure": "```console\n$ false\n```",
    "a program that fails": "```python\nraise SystemExit(1)\n```",
    "a program that prints something else": "```python\nprint(1)\n```\n\n```text\n2\n```",
    "an unknown language": "```rust\nfn main() {}\n```",
    "a problem in a document": "```yaml\ndestinations: ['*']\n```",
    "a broken document without a problem": "```yaml\n# broken.yaml\ndestinations: [api.example.com]\n```",
    "a refused call in a table": SERVED + "| x | `curl http://127.0.0.1:8080/github/user` |",
    "a failed call of an envelope": SERVED
    + '| x | `curl -H "Exeat-Key: $KEY" -d \'{"upstream": "x"}\' http://127.0.0.1:8080/-/call` |',
    "no JSON": "```json\n{\n```",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stand-ins, for all stories."""
    with run_stand_ins(tmp_path_factory.mktemp("authority")) as found:
        yield found


def tell(text: str, folder: Path, running: Running) -> None:
    Story(Page(ROOT / "a page", text), folder.resolve(), running).tell()


@pytest.mark.parametrize("text", TRUE.values(), ids=TRUE)
def test_true_pages_pass(text: str, tmp_path: Path, running: Running) -> None:
    """A page passes if its examples do what it says."""
    tell(text, tmp_path, running)


@pytest.mark.parametrize("text", FALSE.values(), ids=FALSE)
def test_false_pages_fail(text: str, tmp_path: Path, running: Running) -> None:
    """A page fails, with its line, if one of its examples does something else."""
    with pytest.raises(AssertionError, match=r"^a page:\d+: "):
        tell(text, tmp_path, running)


def test_a_key_never_reaches_an_upstream(tmp_path: Path, running: Running) -> None:
    """A stand-in that sees an Exeat key says so with an error, so no example can overlook it."""
    text = '```console\n$ curl -s -H "X: $KEY" https://api.example.com/\n{"error":"an Exeat key came here"}\n```'
    tell(SERVED + text, tmp_path, running)
