"""`sweep select`: the best chain of each target as a folder that transformers loads, in MLflow's registry and on a hub."""
