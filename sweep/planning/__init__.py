"""From a grid to what will run, and what it takes. Nothing here trains, but for `calibrate`.

* The plan: `preparing` (from options to a plan), `preflight` (what is checked first), `plan`, `studies`, `chains` (identities),
  `tree` (what chains share), `needs` (the data that is read), `nominal` (plans of what is not here).
* Its size: `sizes` of phases from `splits`, which are at hand (`reading`) or `published`; `architecture` and `counting` of
  models.
* What it takes: `throughput` and `calibrate` (speed), `costs` (time and money), `gpus`, `memory`, `sharing` (trials on one
  GPU), `room` (a gate that lets through what fits), `remedies` (what would fit), `limits`, `budget` and `clock` (what may be
  spent).
* What is told: `rehearsal` (the real search without training), `overview`, `compare`, `spending`, `showing`, `commands`.
"""
