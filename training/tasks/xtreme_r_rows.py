"""Targets of XTREME-R that differ from XTREME's in their languages; xnli, xcopa, mlqa and tydiqa are the rows XTREME has.

They learn from the same English data as XTREME's rows, and so share their phases.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from training.tasks import languages
from training.tasks.row import TaskRow
from training.tasks.xtreme_rows import PANX, TATOEBA, UDPOS, XQUAD


def _extended(row: TaskRow, spoken: tuple[str, ...], **changes: Any) -> TaskRow:
    files = {split: path for split, path in row.files.items() if split != "train"}
    kept = None if row.hub is None else {split: name for split, name in row.hub.splits.items() if split != "train"}
    return replace(
        row,
        name=f"{row.name}_xr",
        languages=spoken,
        files=files,
        hub=None if row.hub is None or kept is None else replace(row.hub, splits=kept),
        train_on=row.train_on or row.name if row.trained else "",
        intermediate=False,
        **changes,
    )


UDPOS_XR = _extended(
    UDPOS,
    languages.UDPOS_R,
    source="Universal Dependencies 2.5, and 2.7 for lt pl uk wo ro, through XTREME-R's preprocessing",
)
PANX_XR = _extended(PANX, languages.PANX_R)
XQUAD_XR = _extended(XQUAD, languages.XQUAD_R)
TATOEBA_XR = _extended(TATOEBA, languages.TATOEBA_R)

XTREME_R_ROWS = (UDPOS_XR, PANX_XR, XQUAD_XR, TATOEBA_XR)
