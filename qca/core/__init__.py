"""The ground floor: errors, units, the configuration, validation, atomic files.

May import no other room of qca or infra, and never torch; pydantic only when a value is
validated.
"""
