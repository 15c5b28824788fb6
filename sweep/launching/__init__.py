"""`sweep launch` from inside: what opens and closes it, the Tune experiment, what is heard of it, and what it ends with."""
