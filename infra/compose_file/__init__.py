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
    value_rules, rules         what no schema can say
    services, config_json      as the model, and in the shape of `docker compose config`
"""
