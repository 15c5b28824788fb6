"""The page as a list of sections, each from facts alone.

A section of another kind is a function from facts to a `Section` (or None, where there is nothing to say) in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable

from reports.page.answer import answer_section
from reports.page.certainty import certainty_section
from reports.page.claims import claims_section
from reports.page.cost import cost_section
from reports.page.detail import detail_section
from reports.page.facts import Facts
from reports.page.gaps import gaps_section
from reports.page.heatmap import heatmap_section
from reports.page.language_tables import language_section
from reports.page.phases import phase_section
from reports.page.provenance import provenance_section
from reports.page.published import published_section
from reports.page.rankers import rankers_section
from reports.page.section import Section
from reports.page.study import study_section

Maker = Callable[[Facts], Section | None]

SECTIONS: tuple[Maker, ...] = (
    answer_section,
    study_section,
    heatmap_section,
    certainty_section,
    language_section,
    cost_section,
    rankers_section,
    phase_section,
    claims_section,
    published_section,
    gaps_section,
    detail_section,
    provenance_section,
)
"""What makes the sections of a page, in their order."""
