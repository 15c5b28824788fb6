"""p-values that hold for a whole family of comparisons, not for one at a time.

A *family* is declared before its p-values are looked at: all deltas of one model's transfer table, each pair of an intermediate
task and a target once. Averages over targets repeat the same deltas and are not part of it; what trains nothing has no delta.

* `HOLM` (Holm 1979, Scand. J. Stat. 6:65): with adjusted p-values below 0.05, the chance that any of them is a false alarm is
  at most 5 %, whatever the dependence between comparisons.
* `BENJAMINI_HOCHBERG` (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x): of those below 0.05, at most
  5 % are false alarms on average. It is proven for independent and for positively dependent comparisons (Benjamini and
  Yekutieli 2001, doi:10.1214/aos/1013699998); `benchmarks/families.md` says what was measured of deltas against one baseline.

Adjusted p-values are no smaller than those they come from. A p-value about the test items alone (one seed) stays that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from reports.cells import Pair
from reports.statistics.compare import Comparison


class Method(StrEnum):
    """How p-values are adjusted for the size of their family."""

    HOLM = "holm"
    BENJAMINI_HOCHBERG = "benjamini_hochberg"


_NAMES = {Method.HOLM: "holm", Method.BENJAMINI_HOCHBERG: "fdr_bh"}


def adjusted(found: Mapping[Pair, Comparison], method: Method | str = Method.HOLM) -> dict[Pair, float]:
    """The adjusted p-value of every pair of `found`, from 0 to 1; a family is what one model has in it.

    Raises ValueError on a method that there is not.
    """
    from statsmodels.stats.multitest import multipletests

    name = _NAMES[Method(method)]
    values: dict[Pair, float] = {}
    for model in family_sizes(found):
        pairs = [pair for pair in found if pair.model == model]
        corrected = multipletests([found[pair].p for pair in pairs], method=name)[1]
        values.update(zip(pairs, map(float, corrected), strict=True))
    return {pair: values[pair] for pair in found}


def family_sizes(found: Mapping[Pair, Comparison]) -> dict[str, int]:
    """Model to the number of comparisons in its family."""
    return dict(Counter(pair.model for pair in found))
