"""How a leg comes to a worker: `choice` of the two ways, and what Tune is given.

* `inline`: Tune's actor trains.
* `train`: Tune's actor is a `driver`, which passes legs through the `mailbox` to a `session` of Ray Train, whose workers are
  `serving`.
* `keeping` has Tune keep its actors while a search waits; `cleaning` gives back what dead sessions hold.
"""
