"""Live probes: containers that `qca doctor --deep` starts to see what no fact tells.

They are started one after the other through the Docker SDK, as the planned stack would start its
own, each with a limit of time; all that they make carries one label and is removed.

May import: the rest of `infra.stack`, except what launches.
"""
