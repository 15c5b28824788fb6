"""Write the golden page anew: `python -m tests.reports.page`. Look at what changed before you commit it."""

from __future__ import annotations

from reports.page.build import render_page
from tests.reports.page.facts import small_facts
from tests.reports.page.test_page import GOLDEN

GOLDEN.write_text(render_page(small_facts()), "utf-8")
