"""`sweep data`: where the tasks' data comes from, what of it is there, and getting and checking it."""
