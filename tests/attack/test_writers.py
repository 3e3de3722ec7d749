"""Only the modules for it write files; this test finds any other."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The modules that write files directly, and why that is safe.
KNOWN = {
    "qca/core/atomic_files.py": "the module for it",
    "qca/core/plain_files.py": "the module for it",
    "qca/core/cache_folder.py": "within replace_file",
    "qca/runs/metrics_log.py": "within replace_file",
    "qca/rollout/write.py": "within replace_file",
    "qca/rollout/trajectory.py": "within replace_file",
    "qca/export/files.py": "within replace_file",
    "qca/runs/tensorboard.py": "makes a new file in a checked folder",
    "qca/cli/init.py": "makes a new file",
    "infra/stack/image.py": "in a temporary folder of its own",
    "qca/runs/run_copy.py": "in a new folder, which then takes the run's place as a whole",
    "infra/stack/live/folder.py": "in a folder with a random name, which this process has made",
    "infra/doctor/catalogue.py": "this project's own pages, for its developers",
    "infra/stack/engine_files.py": "an archive in memory",
}
WRITERS = {"write_text", "write_bytes", "touch", "copyfile", "copy2", "copytree"}


def find_writes(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        words = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = [word.value for word in words if isinstance(word, ast.Constant)]
        modes = [text for text in texts if isinstance(text, str) and set(text) <= set("rwaxbt+")]
        opens = name == "open" and any(set(mode) & set("wax+") for mode in modes)
        if opens or name in WRITERS:
            yield node.lineno


def test_nothing_else_writes_files():
    found = {
        str(path.relative_to(ROOT)): list(find_writes(ast.parse(path.read_text())))
        for package in ("qca", "infra")
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path: lines for path, lines in found.items() if lines and path not in KNOWN} == {}
    assert {path for path in KNOWN if not found[path]} == {"qca/core/plain_files.py"}


def test_the_search_finds_every_way_to_write():
    for code in (
        "open(p, 'w')",
        "p.open('ab')",
        "p.open(mode='x')",
        "p.write_text('')",
        "shutil.copyfile(a, b)",
        "p.touch()",
    ):
        assert list(find_writes(ast.parse(code))) == [1]
    assert list(find_writes(ast.parse("p.open('rb'); copy(x); open(p)"))) == []
