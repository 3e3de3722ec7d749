"""How much memory a training takes: predicted in closed form, measured, and fitted to a budget.

May import `qca.core`; `measure`, alone in needing torch, may import `qca.model`.
"""
