"""The ground floor: errors, units, the configuration, validation, atomic files.

Imports no other room of qca or infra, and never torch; loads pydantic only to validate a value.
"""
