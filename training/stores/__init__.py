"""Finished phases: `store` on a disk, `claims` (one process at a time), `leftovers` (of killed ones); what lies behind a disk:
`behind`, `fetching`, `objects`.
"""
