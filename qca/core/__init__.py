"""The base package: errors, units, the configuration, validation, atomic files.

It imports no other package of qca or infra, and never torch; it loads pydantic only to validate a
value.
"""
