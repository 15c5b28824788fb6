"""The claims of the study (arXiv 2005.13013), judged on one's own records: supported, contradicted, or not decidable.

`study` holds them as data, `judge` judges them: by `contrasts` of intermediate tasks, by `best` chains (claim 5), by `setup`
(claim 7). `verdicts` is what comes of it, `show` how it is said.
"""
