"""`sweep launch` from inside, as `sweep.launch` calls it.

`amend` says what a changed grid changes, `closing` is what every launch does first and last, `experiment` starts Ray and Tune,
`callbacks` hear what ended, `interrupts` are Ctrl-C, `outcome` is what is shown at the end; `leftovers` removes what killed
launches left.
"""
