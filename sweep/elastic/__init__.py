"""Machines that come and go.

* More of them: `demand` (how many trials could run), `nodes` and `kuberay` (what the autoscaler may bring), `publishing`
  (asking for it), `room` (legs go where there is some), `joining` (all of it, for a launch).
* Fewer: `spot` (the agent on each spot node) hears `metadata` of the cloud and drains the node; a worker hears of that in
  `preemption`.
* `lasting` and `watching`: what is too long for machines that are taken away goes to one that stays.
"""
