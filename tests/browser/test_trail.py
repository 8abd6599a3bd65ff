"""The audit trail at the browser: verified there, and taken elsewhere."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import ADA, VIC, Stage
from tests.browser.visitor import visiting

pytestmark = pytest.mark.timeout(180)


def test_verify(browser: Browser, stage: Stage) -> None:
    """Whoever may look can have the whole trail verified, and is told what came of it."""
    with visiting(browser, stage, VIC) as visitor:
        visitor.go("Audit")
        visitor.press("Verify")
        visitor.sees("Nothing was edited, removed, inserted or reordered.")
        visitor.meets_no_barrier()


def test_export(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    """The records are a file in the end: the changes, one in a line."""
    with visiting(browser, stage, ADA) as visitor:
        visitor.go("Audit")
        visitor.press("Export")
        visitor.meets_no_barrier()
        with visitor.page.expect_download() as waiting:
            visitor.press("Export", visitor.dialog)
        file = tmp_path / "records"
        waiting.value.save_as(file)
        records = [json.loads(line)["record"] for line in file.read_text("utf-8").splitlines()]
        assert {record["kind"] for record in records} == {"change"}
        assert {"create", "log-in"} <= {record["action"] for record in records}
        assert len(records) >= 6
        expect(visitor.dialog).to_contain_text("records")
