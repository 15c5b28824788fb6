"""One chain on one machine: pretrained model, intermediate task, target task, zero-shot scores. No Ray, no tracker, no search.

The way through it: `chain` is the front door, `walk` goes from phase to phase, `phase` trains one, `evaluate` scores the end.

* What is asked and what comes back: `job`, `identity` (what decides weights, and the keys made of it), `record` (what a trial
  leaves behind), `evidence` (the same by item), `watcher` (who hears how it goes on), `errors`.
* A phase: `steps`, `losses`, `contrast`, `optimiser`, `schedule`, `course`, `precision`; where it begins and goes on:
  `beginning`, `checkpoint`, `resume`; several workers on it: `team`, `assist`, `shares`; memory: `fitting`, `peaks`, `memory`.
* The store: `store` (finished phases), `claims` (one process at a time), `leftovers` (of killed ones); what lies behind it:
  `behind`, `fetching`, `objects`.
* Files and values: `storage`, `tensorfile`, `seal`; `codec`, `writing`, `building` (typed values to JSON and back);
  `background`.
* Looking at a model: `passes` (forward passes), `decoding`, `answers` (states to predictions), `vectors`, `retrieval`,
  `predicting` (a test set), `views`, `sights` (a frozen encoder, for rankings), `task_vectors` (what a phase changed in it),
  `timing` (how fast it trains).
* A phase 0 of one's own: `pretrain`, `card`.
* Rooms: `tasks` (one typed row a task), `data` (files to features), `models`, `metrics`, `world` (the mini world).
"""
