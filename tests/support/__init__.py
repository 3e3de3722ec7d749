"""Helpers shared by the tests of several packages: inputs, fakes, processes, and waiting."""
