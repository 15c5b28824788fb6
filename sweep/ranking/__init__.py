"""`sweep rank`: intermediate tasks in the order in which they are worth trying for a target, before its chains are trained."""
