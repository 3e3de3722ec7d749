"""docs/architecture.md and its diagram of the packages match the code."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import grimp
import pytest

from tests.support.pages import DOCS, ROOT

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def floors() -> dict[str, int]:
    """Return the level of each package in the diagram; 0 is the bottom."""
    drawing = ElementTree.parse(DOCS / "images" / "rooms.svg")
    return {
        room.attrib["data-room"]: int(room.attrib["data-floor"])
        for room in drawing.iter(f"{_SVG}g")
        if "data-room" in room.attrib
    }


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("qca", "infra")


def list_rooms(graph: grimp.ImportGraph) -> set[str]:
    """Return the packages one level below `qca` and `infra`."""
    return {room for side in ("qca", "infra") for room in graph.find_children(side)} - {
        "qca.__main__"
    }


def list_imported_rooms(graph: grimp.ImportGraph, room: str) -> set[str]:
    """Return the packages that a package imports directly."""
    modules = graph.find_descendants(room) | {room}
    imported = {
        name for module in modules for name in graph.find_modules_directly_imported_by(module)
    }
    return {".".join(name.split(".")[:2]) for name in imported if "." in name} - {room}


def is_same_side(room: str, other: str) -> bool:
    """Return whether both packages belong to `qca`, or both to `infra`."""
    return room.split(".")[0] == other.split(".")[0]


def test_the_diagram_has_exactly_the_packages(floors, graph):
    assert floors.keys() == list_rooms(graph)


def test_every_package_has_a_row_in_the_table(graph):
    rows = set(re.findall(r"^\| `([\w/]+)/` \|", (DOCS / "architecture.md").read_text(), re.M))
    assert {room.replace(".", "/") for room in list_rooms(graph)} <= rows


def test_a_package_imports_only_from_lower_levels_on_its_side(floors, graph):
    upward = [
        (room, imported)
        for room in floors
        for imported in list_imported_rooms(graph, room)
        if is_same_side(room, imported) and floors[imported] >= floors[room]
    ]
    assert upward == []


def test_from_qca_infra_imports_core_and_memory(graph):
    infra_rooms = [room for room in list_rooms(graph) if room.startswith("infra.")]
    imported = {name for room in infra_rooms for name in list_imported_rooms(graph, room)}
    assert {name for name in imported if name.startswith("qca.")} == {"qca.core", "qca.memory"}


def test_higher_levels_are_drawn_above_lower_ones(floors):
    drawing = ElementTree.parse(DOCS / "images" / "rooms.svg")
    tops: dict[int, list[float]] = {}
    for room in drawing.iter(f"{_SVG}g"):
        if "data-room" in room.attrib:
            box = room.find(f"{_SVG}rect")
            assert box is not None
            tops.setdefault(floors[room.attrib["data-room"]], []).append(float(box.attrib["y"]))
    for lower, higher in pairwise(sorted(tops)):
        assert max(tops[higher]) < min(tops[lower])


@pytest.mark.parametrize("page", ["architecture", "contributing"])
def test_every_path_that_the_page_names_exists(page):
    text = (DOCS / f"{page}.md").read_text()
    paths = re.findall(r"`((?:qca|infra|tests|compose|docs|benchmarks)/[\w./-]*)`", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
