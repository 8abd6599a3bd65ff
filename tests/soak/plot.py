"""Lines over time as SVG: panels one below the other, each with a scale of its own."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 900, 240
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 34, 30
COLOURS = ("#1f5fa8", "#c2541b", "#2f7d3b", "#8a3ba3", "#8c6d1f", "#4a4a4a")
MARKS = 5
POINTS = 900  # of a line: more can't be seen

Line = Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """Lines by name, which share one scale; `marked_s` is a moment to be marked."""

    title: str
    lines: Mapping[str, Line]
    marked_s: float | None = None


def plot(panels: Sequence[Panel]) -> str:
    """The panels as one SVG document; times are in seconds, and shown in minutes."""
    last_s = max(at for panel in panels for line in panel.lines.values() for at, _ in line)
    height = HEIGHT * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for place, panel in enumerate(panels):
        parts += [f'<g transform="translate(0 {place * HEIGHT})">', *_panel(panel, max(last_s, 1.0)), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, last_s: float) -> list[str]:
    highest = max((value for line in panel.lines.values() for _, value in line), default=0.0)
    step = _step(max(highest, 1.0))
    top = max(step, math.ceil(highest / step) * step)
    parts = [_text(LEFT, 20, panel.title, "start", 14)]
    for mark in range(round(top / step) + 1):
        y = _y(mark * step, top)
        parts += [_rule(LEFT, y, WIDTH - RIGHT, y, "#dddddd"), _text(LEFT - 8, y + 4, f"{mark * step:g}", "end")]
    minutes = _step(last_s / 60)
    for mark in range(int(last_s / 60 / minutes) + 1):
        x = _x(mark * minutes * 60, last_s)
        parts.append(_text(x, HEIGHT - 10, f"{mark * minutes:g} min", "middle"))
    if panel.marked_s is not None:
        x = _x(panel.marked_s, last_s)
        parts.append(_rule(x, TOP, x, HEIGHT - BOTTOM, "#999999"))
    for place, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(f"{_x(at, last_s):.1f},{_y(value, top):.1f}" for at, value in _thin(line))
        parts += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>',
            _text(WIDTH - RIGHT + 10, TOP + 12 + 18 * place, name, "start", colour=colour),
        ]
    return parts


def _x(at_s: float, last_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at_s / last_s


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _step(highest: float) -> float:
    """A round number of which about five reach the highest value."""
    rough = highest / MARKS
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)


def _thin(line: Line) -> Line:
    """Not more points than can be seen; of each few that fall together, the highest."""
    size = max(1, math.ceil(len(line) / POINTS))
    return [max(line[place : place + size], key=lambda point: point[1]) for place in range(0, len(line), size)]


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, size: int = 11, colour: str = "#222222") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
