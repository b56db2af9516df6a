"""The statements of the ELU paper (Clevert, Unterthiner, Hochreiter, arXiv:1511.07289), measured.

`plan` says what is to be measured, `run` measures it and stores one row per net, seed and claim (`rows`); the
modules named after claims hold what is measured of a net. Judging the rows is left to `reports.paper`.
"""
