"""Measurements, printed as they come out; nothing here asserts a time."""
