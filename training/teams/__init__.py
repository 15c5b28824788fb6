"""Several workers on one phase: `team` (leader and others), `assist` (what the others do), `shares` (who has which rows)."""
