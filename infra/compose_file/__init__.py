"""A library that reads Compose files as Compose does, with the positions of their values.

From the rest of the project it imports only the errors, units and file access of `qca.core`; it
knows nothing about hosts, the store or the doctor. `python -m infra.compose_file` prints a project.

`load.read_compose_files` returns the model for the checks, and `project.read_project` returns the
tree that the model is built from. The parts:

    yaml/      YAML's nodes and scalars, and the tree of each document
    syntax/    the notations inside values: variables, sizes, short forms, command words
    passes/    interpolate, extends, includes, merge, expand: each changes the tree
    rules/     the schema, and the rules that a schema cannot express
    services   the services of the tree as the model
    config_json    the tree in the shape of `docker compose config`

`tree_reader` runs the passes on every file, in Compose's order.

A finding gets its line as follows: a node's line (`yaml.nodes.Node`) becomes the origin of a value
in the tree (`yaml.tree.Origin`), which every pass preserves; `services` and `command_words` copy it
into the model's `LocatedValue`, and a check passes that to `infra.doctor.finding.locate`.
"""
