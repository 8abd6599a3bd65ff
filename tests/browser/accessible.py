"""What axe-core finds on a page: the rules of WCAG 2.2 AA, as far as a program can check them."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def read_script() -> str:
    """The script. The browser evaluates it beside the page: the page's policy stays as it is."""
    assert SCRIPT.is_file(), "the dashboard's packages aren't installed; `make web` does that"
    return SCRIPT.read_text("utf-8")


STILL = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame();
  await frame();
  const finite = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
  await Promise.all(finite.map((one) => one.finished.catch(() => null)));
}"""


def find_barriers(page: Page) -> list[str]:
    """A line for each rule that is broken, with the places."""
    page.evaluate(STILL)  # between two colours there is one that nobody chose
    page.evaluate(f"() => {{ {read_script()} }}")
    wanted = {"runOnly": RULES, "resultTypes": ["violations"]}
    found: dict[str, Any] = page.evaluate("(wanted) => axe.run(document, wanted)", wanted)
    return [
        f"{broken['id']}: {broken['help']}: " + "; ".join(str(node["target"]) for node in broken["nodes"][:5])
        for broken in found["violations"]
    ]
