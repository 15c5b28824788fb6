"""Every task as one typed row (`row`), found by name in the `registry`.

Rows are grouped by where they come from: `xtreme_rows`, `xtreme_r_rows`, `nli_rows`, `choice_rows`, `intermediate_rows`,
`translated_rows`, `retrieval_rows`, and `mini_rows` of the mini world. `languages` are those of the benchmarks' tasks;
`benchmarks` says which tasks make up a submission.
"""
