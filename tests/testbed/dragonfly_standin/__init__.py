"""A stand-in for Dragonfly in tests: it applies Dragonfly's startup rules, then runs Valkey.

It is not Dragonfly, and its results say nothing about Dragonfly's speed or memory.
"""
