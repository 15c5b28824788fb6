"""The page as a list of sections, each from facts alone.

A section of another kind is a function from facts to a `Section` (or None, where there is nothing to say) in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.page.facts import Facts


@dataclass(frozen=True, kw_only=True)
class Section:
    """`anchor` is its id and its place in the contents; `template` names a file of `templates/` that is given `values`."""

    anchor: str
    title: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)


Maker = Callable[[Facts], Section | None]


def sections() -> tuple[Maker, ...]:
    """What makes the sections of a page, in their order."""
    from reports.page.answer import answer_section
    from reports.page.certainty import certainty_section
    from reports.page.claims import claims_section
    from reports.page.cost import cost_section
    from reports.page.detail import detail_section
    from reports.page.gaps import gaps_section
    from reports.page.heatmap import heatmap_section
    from reports.page.language_tables import language_section
    from reports.page.phases import phase_section
    from reports.page.provenance import provenance_section
    from reports.page.published import published_section
    from reports.page.rankers import rankers_section
    from reports.page.study import study_section

    return (
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
