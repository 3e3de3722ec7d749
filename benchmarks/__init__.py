"""Benchmarks that print their measurements; none of them asserts a time."""
