"""Records to tables, pages and figures: functions of records alone. No live object, no torch.

* The transfer table: `cells` (what a pair scored, at which setting), `frame` (deltas and averages), `table` (shown and
  written), `languages` (the same by language), `intervals` (how sure it is).
* One trial: `show`. The best chains: `selection`, `model_card`.
* `numbers` says how numbers are written, `languages_data` what is known of languages.
* Rooms: `page` (the HTML report), `figures`, `statistics`, `claims` (the study's, judged on one's own records), `studies` (the
  questions that grids ask), `ranking` (how good cheap rankings were), `scoring` (two folders in a submission's layout),
  `submission` (a submission's files).
"""
