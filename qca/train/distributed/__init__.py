"""Several processes that train one model: torch's launcher, the ranks, their environment.

May import what `qca.train` may.
"""
