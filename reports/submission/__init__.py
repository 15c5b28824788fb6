"""The files of a submission.

`files` writes them, `checking` compares them with the test sets (`splits`), `scoring` scores them where there is `gold`,
`agreement` compares that with the trials' records; `manifest` accounts for them, `packing` makes one file of them.
"""
