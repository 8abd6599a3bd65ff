"""What is compiled: a class of an interpreted module can't derive from one of a compiled module."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
COMPILED = frozenset(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"][
        "custom"
    ]["modules"]
)


def test_no_interpreted_class_derives_from_a_compiled_one() -> None:
    """Where it did, the compiled program would fail when it makes one, and only then."""
    found = []
    for file in sorted(SOURCES.rglob("*.py")):
        name = str(file.relative_to(SOURCES))
        if name in COMPILED:
            continue
        tree = ast.parse(file.read_text())
        homes = {
            alias.asname or alias.name: node.module.replace(".", "/") + ".py"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        found += [
            f"{name}: {made.name}({base.id})"
            for made in ast.walk(tree)
            if isinstance(made, ast.ClassDef)
            for base in made.bases
            if isinstance(base, ast.Name) and homes.get(base.id) in COMPILED
        ]
    assert found == []
