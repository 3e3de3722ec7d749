"""Predict the memory of training in closed form, and fit it to a budget.

It may import `qca.core`; it does not load torch.
"""
