"""Write generated YAML with comments that explain its values."""

# ruamel.yaml's annotations are incomplete.
# pyright: reportUnknownMemberType=false
import io
import textwrap
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from qca.core.json_object import is_array, is_object

_WIDTH = 92

Path = tuple[str | int, ...]
"""The path of a value in a document: keys and indices from the top."""


def dump_commented_yaml(content: Mapping[str, Any], comments: Mapping[Path, str]) -> str:
    """Return `content` as YAML, with each comment above the key or item at its path."""
    yaml = YAML()
    yaml.width = 4096  # do not fold strings, so that a search finds them
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_add_comments(content, comments, ()), out)
    return out.getvalue()


def format_head_comment(text: str) -> str:
    """Return `text` as the comment at the top of a file."""
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def _add_comments(node: Any, comments: Mapping[Path, str], path: Path) -> Any:
    if is_object(node):
        mapping = CommentedMap()
        for key, value in node.items():
            mapping[key] = _add_comments(value, comments, (*path, key))
        for key in node:
            _add_comment_before(mapping, key, comments.get((*path, key)), path)
        return mapping
    if is_array(node):
        sequence = CommentedSeq(
            [_add_comments(v, comments, (*path, i)) for i, v in enumerate(node)]
        )
        for index in range(len(node)):
            _add_comment_before(sequence, index, comments.get((*path, index)), path)
        return sequence
    return node


def _add_comment_before(
    node: CommentedMap | CommentedSeq, key: str | int, comment: str | None, path: Path
) -> None:
    if comment is None:
        return
    indent = 2 * len(path)
    text = "\n".join(_wrap(comment[0].upper() + comment[1:], _WIDTH - indent))
    node.yaml_set_comment_before_after_key(key, before=text, indent=indent)


def _wrap(text: str, width: int) -> list[str]:
    """Return the lines of a wrapped text; a name such as `low-memory` is not split."""
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
