"""One chain on one machine: pretrained model, intermediate task, target task, zero-shot scores. No Ray, no tracker, no search.

The way through it: `chain` is the front door, `walk` goes from phase to phase, `phase` trains one, `evaluate` scores the end.

* What is asked and what comes back: `job`, `identity` (what decides weights, and the keys made of it), `record` (what a trial
  leaves behind), `evidence` (the same by item), `watcher` (who hears how it goes on), `errors`.
* Rooms of a phase: `learning` (steps, optimiser, checkpoints, memory), `teams` (several workers on one), `stores` (finished
  phases, and what lies behind them), `files` (files and typed values).
* Rooms of a model: `tasks` (one typed row a task), `data` (files to features), `models`, `inference` (states and predictions of
  a trained one), `metrics`, `world` (the mini world).
* A phase 0 of one's own: `pretrain`, `card`.
"""
