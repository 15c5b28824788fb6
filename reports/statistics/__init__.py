"""How sure numbers are.

An *arm* (`arms`) is the runs of one setting; `compare` is the difference of two, with its interval; `transfer` does so for
every delta of a table, `averages` over targets, `effects` over targets, languages and seeds at large. `families` adjusts
p-values for the number of comparisons, `curse` tells how much of a chosen setting's score is luck.
"""
