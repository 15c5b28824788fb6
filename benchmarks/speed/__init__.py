"""Speed on one machine, side by side: this system's own training against what users would run instead.

Both arms of a comparison take turns in one process, on the same weights, data, batches and precision. A ratio is of seconds a
real token, so an arm gains nothing from padding.
"""
