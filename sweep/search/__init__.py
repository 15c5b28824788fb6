"""Which leg of which trial is next: the same settings whatever the order in which trials end.

* `searcher` is Tune's view of the `board`, which knows every pair; `levels` says what goes first, `index` what the store has
  already.
* A pair has an Optuna `study`; `rules` say what it may spend and when it stops a setting, `drawing` which setting is next
  (`tpe`, `kernels`), `settle` writes the records of what was stopped.
* `storage` keeps studies in memory and a database, `trials` makes Optuna's trials quickly.
"""
