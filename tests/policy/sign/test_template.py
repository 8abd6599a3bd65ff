"""Templates: literal text, placeholders, braces that are meant as such, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.policy.sign.template import OF_THE_REQUEST, OF_THE_RESULT, check_template, fill_template


def filled(text: str) -> str:
    """A template whose placeholders are replaced by their own names in angle brackets."""
    return b"".join(fill_template(text, lambda name: f"<{name}>".encode())).decode()


@pytest.mark.parametrize(
    ("text", "names", "becomes"),
    [
        ("", set(), ""),
        ("v1", set(), "v1"),
        ("{timestamp}.{body}", {"timestamp", "body"}, "<timestamp>.<body>"),
        ("{body}{body}", {"body"}, "<body><body>"),
        ("{method}\n{field:Content-Type}", {"method", "field:Content-Type"}, "<method>\n<field:Content-Type>"),
        ("{{{path}}}", {"path"}, "{<path>}"),
        ("{{body}}", set(), "{body}"),
        ("é{query}", {"query"}, "é<query>"),
    ],
)
def test_what_a_template_becomes(text: str, names: set[str], becomes: str) -> None:
    """Placeholders are found and replaced; doubled braces are braces."""
    assert check_template(text, OF_THE_REQUEST, fields=True) == names
    assert filled(text) == becomes


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "brace on its own"),
        ("}", "brace on its own"),
        ("{body", "brace on its own"),
        ("body}", "brace on its own"),
        ("{{body}", "brace on its own"),
        ("{}", "there are {body}"),
        ("{ body }", "there are {body}"),
        ("{Body}", "there are {body}"),
        ("{signature}", "there are {body}"),
        ("{field:}", "{field:NAME}"),
        ("{field:a b}", "{field:NAME}"),
        ("{secret}", "there are {body}"),
    ],
)
def test_what_is_refused(text: str, fault: str) -> None:
    """What is no template says what would be one, and doesn't quote what may be secret."""
    with pytest.raises(ValueError, match="has a") as caught:
        check_template(text, OF_THE_REQUEST, fields=True)
    assert fault in str(caught.value)


@pytest.mark.parametrize("text", ["{body}", "{field:date}"])
def test_a_body_is_no_part_of_a_field(text: str) -> None:
    """In a field of its own, the result and the time may stand, not what would break the field."""
    with pytest.raises(ValueError, match=r"there are .body_sha256., .body_sha256_base64., .signature., .timestamp.$"):
        check_template(text, OF_THE_RESULT)


@given(st.text())
def test_text_with_doubled_braces_is_itself(text: str) -> None:
    """Any text whose braces are doubled has no placeholders, and becomes itself."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert check_template(doubled, frozenset()) == frozenset()
    assert filled(doubled) == text
