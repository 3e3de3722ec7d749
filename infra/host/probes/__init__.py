"""One module a subject. Each has `probe`, which returns facts or raises `Unseen`.

Only these modules look at the host. They start no thread and know no other probe;
`infra.host.collect` runs them side by side and puts a limit to each.
"""
