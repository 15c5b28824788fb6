"""A sweep on a cluster, from a laptop.

* Where: `place` (here, or which cluster), `tunnel` (ssh to its head), `cluster` (its job API).
* What goes there: `launching` hands in a job that runs `head`; `shipping` packs the code, `words` are its command; `errands`
  are short jobs that look at a run folder.
* What comes back: `following` (output), `fetching` (records and databases, in a `bundle`), `pages` and `serving` (`sweep ui`).
* The end: `down` on the laptop, `keeper` on the head. `verbs` and `showing` are the commands.
"""
