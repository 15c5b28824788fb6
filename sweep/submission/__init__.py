"""`sweep submit`: the test sets of a benchmark, predicted by the best chains of a run folder; and `sweep score`.

`submitting` is the whole way: `facts` of the run folder, `choosing` of trials, `sources` of the test sets, `making` of
predictions; `progress` and `saying` show it, `checked` looks at a folder of anybody's; `verb` and `score_verb` are the
commands. The files themselves are `reports.submission`'s business.
"""
