"""A library that reads Compose files with the positions of their values.

It imports errors, units and file writing of `qca.core`, and nothing else of this project: it
knows no host, no store and no doctor.
"""
