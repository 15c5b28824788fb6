"""From a task's files to the features of a batch.

* Reading: a row names one of the `readers`, which are `jsonlines`, `nli`, `squad`, `tabular`, `parallel`, `passages`,
  `questions`, `comparable`, `entities`, `cosmosqa`, `supertags` and `named_columns`. They stand on `files`, `streamed`,
  `tables`, `records` and `request`, and give `examples`. `loading` carves off dev and caps; `subset` takes the first N.
* Encoding: `encode` turns examples into `features`, with `tokens` and `windows`; `columns`, `mapped` and `encoded_store` keep
  them, `corpus` has those of a process, `joined` those of several languages in one.
* Batches: `draws` says which units a step sees, `batches` and `packs` make one pass of them; `lengths` is for plans.
* Preparing (`sweep data`): `prepare` goes through `units`, from native files or the `hub` (`hub_records`, `pins`), writes
  `prepared` files and a `manifest`, which `verify` computes again; `checking`, `quality`, `crosschecks`, `statistics`,
  `scripts` look at what is there, and `known_issues` says what of it is accepted.
"""
