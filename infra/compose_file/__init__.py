"""A library that reads Compose files as Compose does, with the positions of their values.

From the rest of the project it imports only the errors, units and file access of `qca.core`; it
doesn't know hosts, the store or the doctor. `python -m infra.compose_file` prints a project.

`load.read_compose_files` returns the model for the checks, and `project.read_project` the tree that
the model is made from. A file goes through these steps, in Compose's order:

    yaml_nodes, documents      YAML's nodes, and the tree of each document (`yaml_tree`)
    interpolated_tree          fills in the variables
    extends, includes          read the files that it refers to, in the same way
    merge_tags, merge, unique  merge it over the files before it
    schema, canonical          validate it against the schema, and expand short forms
    value_rules, cross_key_rules   apply the rules that a schema cannot express
    services, config_json      as the model, and in the shape of `docker compose config`

The line of a finding: a node's line (`yaml_nodes.Node`) becomes the origin of a value in the tree
(`yaml_tree.Origin`) and stays with it through every step; `services` and `command_words` put it
into the model's `LocatedValue`, and a check hands that to `infra.doctor.finding.locate`.
"""
