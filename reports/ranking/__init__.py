"""Which intermediate tasks to try for a target, from signals that cost one forward pass; and how good such a guess was."""
