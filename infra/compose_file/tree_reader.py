"""Read the files of a project into one tree: parse, interpolate, extend, include and merge.

As in Compose, the tree of each file is merged over the tree of the files before it, validated
against the schema, and converted to long form. Values that Compose would refuse are recorded and
left out, so that the rest can be checked.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.compose_file.passes.expand import expand_short_forms
from infra.compose_file.passes.extends import ExtendedFile, apply_extends
from infra.compose_file.passes.file_paths import resolve_paths
from infra.compose_file.passes.includes import import_resources, read_includes
from infra.compose_file.passes.interpolate import interpolate_document
from infra.compose_file.passes.merge import merge_trees
from infra.compose_file.passes.reading import Reading, read_text
from infra.compose_file.passes.unique import make_unique
from infra.compose_file.references import NotFollowedError
from infra.compose_file.rules.new_keys import find_unknown_keys
from infra.compose_file.rules.schema import check_schema
from infra.compose_file.yaml.documents import Document, parse_documents
from infra.compose_file.yaml.merge_tags import clear_keys
from infra.compose_file.yaml.nodes import NotYamlError
from infra.compose_file.yaml.tree import Origin, Source, Table, make_table, to_text
from qca.core.errors import InputError

# The key `name` at the start of a line, or a flow mapping, which may contain it; most files have
# neither.
_MAY_HAVE_NAME = re.compile(r"""^["']?name["']?\s*:|^\{""", re.M)

NOT_JUDGED = "The file was not checked, and it was not changed."


def read_tree(
    reading: Reading,
    paths: Sequence[Path],
    folder: Path,
    variables: Mapping[str, str],
    trail: tuple[Path, ...] = (),
) -> Table:
    """Return the tree of the files, later ones merged over earlier ones, with absolute paths.

    Raises:
        InputError: a file cannot be read or is not YAML; the message names the line.

    """
    top = Table()
    for path in paths:
        top = _FileReader(reading, path, folder, variables, trail).lay_over(top)
    if not top and not reading.unread:
        raise InputError(f"{paths[0]}:1: empty compose file", hint=NOT_JUDGED)
    return resolve_paths(top, folder)


def find_name(
    reading: Reading, paths: Sequence[Path], variables: Mapping[str, str]
) -> tuple[str, Origin] | None:
    """Return the project name from the last file that sets one, with its origin."""
    named = None
    for path in paths:
        if not _MAY_HAVE_NAME.search(read_text(path, is_yaml=True)):
            continue
        for document in _parse_file(reading, path, variables):
            name = document.top.get("name")
            if isinstance(name, str) and name:
                named = make_table({"name": name}, document.top.origins["name"])
    if named is None:
        return None
    filled = interpolate_document(named, variables).top
    return to_text(filled["name"]), filled.origins["name"]


class _FileReader:
    """Reads one file; the paths in its `extends` and `include` are relative to `folder`."""

    def __init__(
        self,
        reading: Reading,
        path: Path,
        folder: Path,
        variables: Mapping[str, str],
        trail: tuple[Path, ...],
    ) -> None:
        self._reading = reading
        self._path = path
        self._folder = folder
        self._variables = variables
        self._trail = (*trail, path)
        self._extended: dict[Path, ExtendedFile] = {}

    def lay_over(self, top: Table) -> Table:
        """Return the tree with this file's documents merged over it."""
        for document in _parse_file(self._reading, self._path, self._variables):
            top = self._lay_document(document, top)
        return top

    def _lay_document(self, document: Document, top: Table) -> Table:
        reading, origin = self._reading, self._find_origin()
        if len(self._trail) == 1:
            for key, place in document.top.origins.items():
                reading.keys.setdefault(key, place.line)
        own = self._interpolate(document)
        own = self._extend(own, document.reset_keys)
        top = clear_keys(top, document.reset_keys)
        own = self._include(own)
        top, refusals = merge_trees(top, own)
        reading.refusals += refusals
        top = make_unique(top, reading.refusals)
        reading.refusals += check_schema(top, origin)
        if reading.version:
            reading.refusals += find_unknown_keys(top, reading.version)
        return _write_long(top, reading)

    def _interpolate(self, document: Document) -> Table:
        filled = interpolate_document(document.top, self._variables)
        self._reading.refusals += filled.refusals
        self._reading.unset += filled.unset
        return filled.top

    def _extend(self, own: Table, reset_keys: tuple[str, ...]) -> Table:
        services = own.get("services")
        if not isinstance(services, Table):
            return own
        file = ExtendedFile(str(self._path), services, reset_keys)
        extended = apply_extends(self._reading, file, self._folder, self._read_extended)
        own.put("services", extended, own.origins["services"])
        return own

    def _read_extended(self, path: Path) -> ExtendedFile:
        """Return the services of another file, in long form and with absolute paths."""
        if path not in self._extended:
            self._reading.count_file()
            self._extended[path] = self._read_services(path)
        return self._extended[path]

    def _read_services(self, path: Path) -> ExtendedFile:
        top = Table()
        reset_keys: list[str] = []
        try:
            for document in _parse_file(self._reading, path, self._variables):
                own = self._interpolate(document)
                top = clear_keys(top, document.reset_keys)
                top, refusals = merge_trees(top, own)
                self._reading.refusals += refusals
                top = _write_long(make_unique(top, self._reading.refusals), self._reading)
                reset_keys += document.reset_keys
        except InputError as error:
            raise NotFollowedError(error.message) from None
        services = resolve_paths(top, path.parent).get("services")
        if not isinstance(services, Table):
            raise NotFollowedError(f"{path} has no services")
        return ExtendedFile(str(path), services, tuple(reset_keys))

    def _include(self, own: Table) -> Table:
        if "include" not in own:
            return own
        entries = own["include"]
        for include, origin in read_includes(self._reading, entries, own.origins["include"]):
            try:
                found = include.find(self._reading, self._folder, self._variables, self._trail)
                brought = read_tree(
                    self._reading, found.paths, found.folder, found.variables, self._trail
                )
            except NotFollowedError as error:
                self._reading.note_unread("`include`", origin, error)
                if error.is_fault:
                    self._reading.refuse(f"{error}", origin)
                continue
            except InputError as error:
                self._reading.refuse(error.message, origin)
                continue
            import_resources(brought, own, origin, self._reading)
        own.drop("include")
        return own

    def _find_origin(self) -> Origin:
        return Origin(Source(str(self._path), (), self._variables), 1)


def _parse_file(reading: Reading, path: Path, variables: Mapping[str, str]) -> list[Document]:
    """Return the documents of a file.

    Raises:
        InputError: the file cannot be read or is not YAML; the message names the line.

    """
    text = read_text(path, is_yaml=True)
    lines = tuple(text.splitlines())
    reading.sources[str(path)] = lines
    try:
        return list(parse_documents(text, Source(str(path), lines, variables)))
    except NotYamlError as error:
        place = f"{path}:{error.line}" if error.line else f"{path}"
        hint = f"{error.fix} {NOT_JUDGED}" if error.fix else NOT_JUDGED
        raise InputError(f"{place}: {error}", hint=hint) from None


def _write_long(top: Table, reading: Reading) -> Table:
    """Return the tree in long form, without duplicates, since the long form can reveal some."""
    top.drop("version")
    return make_unique(expand_short_forms(top, reading.refusals), reading.refusals)
