"""The plot is SVG that says what it shows."""

from xml.etree import ElementTree as ET

from tests.soak.plot import POINTS, Panel, plot

SVG = "{http://www.w3.org/2000/svg}"


def read(panels: list[Panel]) -> ET.Element:
    """The plot as a tree: an error if it isn't XML."""
    return ET.fromstring(plot(panels))  # noqa: S314 - our own text


def points_of(line: ET.Element) -> list[tuple[float, float]]:
    """Where a line goes."""
    pairs = [pair.split(",") for pair in line.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


def test_lines_and_their_names() -> None:
    """Each panel has its title, each line its name; what isn't text in XML is written as text."""
    tree = read([Panel("Memory (MiB)", {"a < b": [(0, 1), (60, 2)], "c": [(0, 3)]}), Panel("Files", {"d": [(0, 0)]})])
    texts = [text.text for text in tree.iter(f"{SVG}text")]
    assert {"Memory (MiB)", "a < b", "c", "Files", "d", "1 min"} <= {*texts}
    assert len(list(tree.iter(f"{SVG}polyline"))) == 3


def test_higher_is_further_up() -> None:
    """A line rises where its values do, and time goes to the right."""
    (line,) = read([Panel("Memory", {"worker": [(0, 10), (60, 20), (120, 15)]})]).iter(f"{SVG}polyline")
    (x1, y1), (x2, y2), (x3, y3) = points_of(line)
    assert x1 < x2 < x3
    assert y2 < y3 < y1


def test_peaks_stay() -> None:
    """A long line is drawn by few points, of which one is its peak."""
    values = [(float(at), 100.0 if at == 7001 else 10.0) for at in range(10_000)]
    (line,) = read([Panel("Memory", {"worker": values})]).iter(f"{SVG}polyline")
    points = points_of(line)
    assert len(points) <= POINTS
    assert min(y for _, y in points) < max(y for _, y in points) - 100
