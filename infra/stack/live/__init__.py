"""Live probes: containers that `qca doctor --deep` starts to test what other facts cannot show.

They are started one after the other through the Docker SDK, each with the settings of the planned
stack and its own time limit. Everything that they create has one label and is removed. The package
imports the rest of `infra.stack` except the modules that launch the stack.
"""
