"""How a phase learns.

* A step: `steps`, `losses` and `contrast`, `optimiser`, `schedule`, `precision`; `course` follows them.
* Where it begins and goes on: `beginning`, `checkpoint`, `resume`.
* What it takes: `fitting` (how large a micro-batch may be), `peaks` (memory at most), `memory` (given back), `timing` (a rate).
"""
