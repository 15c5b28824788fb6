"""The real search in virtual time (`clock`), on a `cluster` whose machines come, go and fail.

`search` is the sweep's own as a source of `work`, `queues` is a plain one to compare it with; `engine` carries work out at a
`pace`, with scores from `curves` and with `trouble`. `arms` runs one sweep in each way, `table` shows it, `verb` is the
command.
"""
