"""How lists and times are shown to people: columns side by side, times to the second."""

from collections.abc import Sequence


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below a header, each column as wide as its widest."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in (header, *rows))
    return "\n".join(line.rstrip() for line in lines)


def render_time(time: str | None, never: str = "never") -> str:
    """`2026-11-25 13:30:00Z` of a time as the API says it."""
    return never if time is None else f"{time[:10]} {time[11:19]}Z"
