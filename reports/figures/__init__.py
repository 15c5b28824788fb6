"""Figures (PDF, SVG), LaTeX tables and CSV files of transfer tables, to be put into a paper.

* Everything derives from tables, comparisons and records: equal ones give equal bytes.
* Each picture fits a column (3.3 in) or the page (7 in) of a two-column paper, at its own size.
* Nothing is said by colour alone, and made-up data is labelled in every file.
"""

from reports.figures.by_language import PerLanguage, language_intervals
from reports.figures.writing import write_all

__all__ = ["PerLanguage", "language_intervals", "write_all"]
