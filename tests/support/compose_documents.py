"""Compose documents that hypothesis makes up: the keys that are read, with anything under them."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from infra.compose_file.load import read_compose_files
from infra.compose_file.model import ComposeFile
from qca.core.errors import InputError

names = st.sampled_from(["cache", "b", "${X}", "x y"])
texts = st.sampled_from(
    ["dragonfly", "--maxmemory=2G", "--proactor_threads", "16", "${M:-1G}", "$$", "${", "a.yml",
     "b.yml", "../a.yml", "DFLY_maxmemory=1G", "memlock", "-1", "6379:6379", "$M", "gpu"]
)  # fmt: skip
anything = st.recursive(
    st.one_of(texts, st.integers(-2, 20), st.none(), st.booleans(), st.floats()),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["file", "service", "path", "memlock", "hard", "resources", "limits", "memory", "cpus",
             "reservations", "devices", "capabilities", "source", "target", "published", "type"]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip
services = st.dictionaries(
    st.sampled_from(
        ["image", "command", "entrypoint", "environment", "env_file", "extends", "ports", "cpus",
         "mem_limit", "cpuset", "deploy", "gpus", "runtime", "ulimits", "volumes", "secrets",
         "profiles", "label_file"]
    ),
    anything,
    max_size=5,
)  # fmt: skip
documents = st.fixed_dictionaries(
    {"services": st.dictionaries(names, services, max_size=3)},
    optional={"include": anything, "secrets": anything, "version": anything},
)


def read_or_refuse(paths: list[Path]) -> ComposeFile | None:
    refused: list[str] = []
    try:
        return read_compose_files(paths, {})
    except InputError as error:
        refused.append(error.message)
    assert all(str(paths[0].parent) in message for message in refused)
    return None


tags = st.lists(st.sampled_from(["", "", "!reset ", "!override ", "!x "]), min_size=1, max_size=5)


def write_with_tags(document: Any, tags: list[str]) -> str:
    """Write a document, with these tags in turn before the values of its mappings."""
    turn = itertools.cycle(tags)
    return re.sub(r'": ', lambda match: match[0] + next(turn), json.dumps(document))
