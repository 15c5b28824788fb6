"""Grids: what a sweep covers, one YAML file each, checked as a whole before anything runs.

* `schema` is what a grid may say, `reading` turns a file into a `Grid` or into every fault of it at once,
  `catalogue` lists the grids that are shipped.
* A grid names tasks by the rows of `training.tasks.registry`; nothing here knows how they are trained or distributed.
"""
