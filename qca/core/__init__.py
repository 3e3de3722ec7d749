"""The ground floor: errors, units, the configuration, validation, atomic files.

Imports nothing of qca or infra but itself, and neither torch nor, until something is validated,
pydantic.
"""
