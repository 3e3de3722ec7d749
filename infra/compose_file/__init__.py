"""A library that reads Compose files as Compose does, with the positions of their values.

It imports errors, units and file access of `qca.core`, and nothing else of this project: it knows
no host, no store and no doctor. `python -m infra.compose_file` prints what it reads.

`load.read_compose_files` returns the model that checks judge, `project.read_project` the tree
behind it. The way of a file, in Compose's own order:

    yaml_nodes, documents      YAML's nodes, and the tree of each document (`yaml_tree`)
    interpolated_tree          its variables filled in
    extends, includes          what it refers to, read in the same way
    merge_tags, merge, unique  laid over the files before it
    schema, canonical          held against the schema, and written in long forms
    value_rules, cross_key_rules   what no schema can say
    services, config_json      as the model, and in the shape of `docker compose config`

The line of a finding: a node's line (`yaml_nodes.Node`) becomes the origin of a value in the tree
(`yaml_tree.Origin`) and stays with it through every step; `services` and `command_words` put it
into the model's `LocatedValue`, and a check hands that to `infra.doctor.finding.locate`.
"""
