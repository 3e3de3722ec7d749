"""The YAML documents of a file, with their merge tags applied; what is no YAML is refused."""

from pathlib import Path

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from infra.compose_file.old_merge_tags import TooManyValuesError, load_documents, make_parser
from infra.compose_file.scope import NO_SERVICES, NOT_JUDGED
from qca.core.errors import InputError

# Compose's own schema goes about ten levels deep; the parser's time grows with the square.
_DEEPEST = 50


def parse_documents(path: Path, text: str) -> list[tuple[CommentedMap, tuple[str, ...]]]:
    """Return the documents, each with the keys that its merge tags take away from others.

    Raises:
        InputError: it is not YAML, is nested too deeply or holds no mapping; with the line.

    """
    try:
        _refuse_deep_nesting(path, text)
        documents = list(load_documents(text))
    except InputError:
        raise
    except TooManyValuesError:
        problem = "its aliases stand for too many values"
        raise InputError(f"{path}: {problem}", hint=NOT_JUDGED) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else f"{path}"
        problem = " ".join((error.problem or "not YAML").split())
        raise InputError(f"{place}: not valid YAML: {problem}", hint=NOT_JUDGED) from None
    except RecursionError:
        problem = "its aliases are nested too deep"
        raise InputError(f"{path}: {problem}", hint=NOT_JUDGED) from None
    except Exception as error:  # on odd input ruamel ends with TypeError, AttributeError, ...
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {problem}", hint=NOT_JUDGED) from None
    for document, _ in documents:
        if not isinstance(document, CommentedMap):
            problem = "more than one document, and not each is a mapping"
            problem = f"not a compose file: {problem}" if len(documents) > 1 else NO_SERVICES
            raise InputError(f"{path}:1: {problem}", hint=NOT_JUDGED)
    return documents


def _refuse_deep_nesting(path: Path, text: str) -> None:
    depth = 0
    for event in make_parser().parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            line = event.start_mark.line + 1
            raise InputError(f"{path}:{line}: nested too deeply", hint=NOT_JUDGED)
