"""How far a sweep is.

A trial leaves a `live` file, a launch its `standing`; `glances` read records quickly, `tally` counts them. `status` shows it
from any shell, `following` goes on showing it, `progress` is the launch's own view, `table` its picture on a terminal. `notify`
tells an address of the end.
"""
