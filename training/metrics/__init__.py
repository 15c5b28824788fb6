"""What the scores are made of: `scores` goes by the metric that a task's row names, all in percent.

`classification`, `spans`, `answers`, `retrieval` and `mining` score one kind of task each, on `neighbours` where vectors are
compared; `official` and `clean_answers` are what XTREME's script makes of files, and what it should; `units` says what each
item added, for intervals.
"""
