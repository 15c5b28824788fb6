"""Many chains: what to run, where, and what comes of it. Ray, Optuna and MLflow are used here and nowhere else.

The way of a launch: `cli` reads the command, `launch` runs it from beginning to end; `planning` turns the grid into a plan,
`search` says which leg of which trial is next, `executors` bring it to a worker, `trial` runs it there (`training.chain`) and
writes its record.

* The command line: `flags` (shared options), `options` (what they stand for), `words` (how it answers), `amounts` (numbers as a
  person reads them), `masking` (no secret is shown). A verb is in the `verb` or `verbs` of its room; those without a room are
  in `cli`.
* The run folder: `runfolder` (whose it is, who holds it), `heartbeat` (who holds it elsewhere), `records` (reading them, damage
  set aside), `snapshots` (the grid of the last launch), `foreseen` (what that launch foresees, and which records are its own),
  `ending`.
* `sources` finds models and data; `provenance` is with what a trial was run.
* A launch: `launching` (its opening, its experiment, its end), `planning`, `search`, `executors`, `elastic` (machines that come
  and go), `watch` (how far it is), `steering` (stop, resume, status), `tracking` (MLflow).
* Before and after: `ranking`, `simulate`, `reporting`, `selecting`, `submission`, `data`, `gc`.
* On clusters: `away` (from a laptop), `services` (databases of a head), `bucket` (run folders in an object store), `aws`.
"""
