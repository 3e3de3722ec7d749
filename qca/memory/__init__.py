"""Predict a run's memory in closed form, measure it, and fit a training run to a budget.

It may import `qca.core`; only `measure` needs torch, and it may import `qca.model`.
"""
