"""Run folders behind an object store, so that a new head goes on where one is gone.

`files` travel, `keeping` brings and puts them for a launch, `lease` lets one launch at a time do so; `reading` looks at them
from any machine, `users` and `clearing` are `sweep gc` for a bucket.
"""
