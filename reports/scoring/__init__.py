"""Two folders in the layout of a submission, predictions and labels, scored: as the official script does, and as it should.

`folders` goes through them, `sources` and `reading` read their files (`forms` says what stands in each), `official` and `clean`
score one language of a task; `board` is what comes of it, `render` shows it.
"""
