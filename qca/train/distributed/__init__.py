"""Several processes that train one model: the ranks, torch's elastic launcher, the environment.

This package may import the same packages as `qca.train`.
"""
