"""Looking at a model: `passes` (forward passes), `decoding` and `answers` (states to predictions).

* Whole test sets: `predicting`; sentence retrieval: `vectors`, `retrieval`.
* For rankings: `sights` (a frozen encoder), `views` (its states), `task_vectors` (what phases changed in it).
"""
