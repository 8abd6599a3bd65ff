"""A document as people write it: YAML that `reading` reads back as the same data."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

_NUMBER_LIKE: Final = frozenset("0123456789.+-")


def render_yaml(document: Mapping[str, Any]) -> str:
    """A document, or a part of one, in YAML 1.2; `{}` where it is empty."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120) if document else "{}\n"


class _Dumper(yaml.SafeDumper):
    """Writes what the YAML 1.2 core schema reads back: more texts look like numbers there."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = "'" if text[:1] in _NUMBER_LIKE and text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else quoted)


_Dumper.add_representer(str, _represent_text)
