"""Predict a run's memory in closed form, and fit a training run to a budget.

It may import `qca.core`; it does not load torch.
"""
