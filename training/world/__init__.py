"""The mini world: a made-up, small XTREME in which a tiny model transfers, written in the native file formats.

`meaning` thinks of events; `languages`, `words` and `render` say them in nine languages; `inference`, `choices`, `reading` and
`corpus` make tasks and text of them; `formats` and `files` write it all; `model` holds the tokenizer and the model shape.
"""
