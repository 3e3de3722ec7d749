"""`qca doctor --fix`: its changes, its questions, and the files that it leaves alone."""

import io

import pytest

TOO_MANY_THREADS = (
    "services:\n  s:\n    image: dragonflydb/dragonfly  # ours\n    command:\n"
    "      - --maxmemory=1G\n      - --proactor_threads=16\n"
)
FIX = ("doctor", "-f", "stack.yml", "--only", "QCA301", "--fix")


class Terminal(io.StringIO):
    """A standard input with typed answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.yml"
    path.write_text(TOO_MANY_THREADS)
    return path


def test_dry_run_prints_commands_and_changes_nothing(call_main, tmp_path, stack):
    done = call_main(tmp_path, *FIX, "--dry-run")

    assert done.returncode == 1
    assert "sed -i.bak" in done.stderr
    assert stack.read_text() == TOO_MANY_THREADS


def test_fix_changes_a_file_which_then_passes(call_main, tmp_path, stack):
    done = call_main(tmp_path, *FIX, "--yes")

    assert done.returncode == 0
    assert "fixed: the problem is fixed" in done.stderr
    assert stack.read_text() == TOO_MANY_THREADS.replace("=16", "=4")


def test_fix_changes_every_service_although_lines_move(call_main, tmp_path):
    stack = tmp_path / "stack.yml"
    service = "    image: dragonflydb/dragonfly:v1.40.0\n    command:\n      - --maxmemory=256M\n"
    service += "      - --http_admin_console=true\n      - --memcache_port=1\n    cpus: 2\n"
    stack.write_text(f"services:\n  a:\n{service}  b:\n{service}")
    only = ("--only", "QCA301", "--only", "QCA704")

    done = call_main(tmp_path, "doctor", "-f", "stack.yml", *only, "--fix", "--yes")

    assert done.returncode == 0, done.stdout
    assert done.stderr.count("fixed: the problem is fixed") == 6
    assert stack.read_text().count("      - --proactor_threads=1\n") == 2


def test_fix_changes_nothing_without_a_terminal_to_ask(call_main, tmp_path, stack, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    done = call_main(tmp_path, *FIX)

    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert stack.read_text() == TOO_MANY_THREADS


@pytest.mark.parametrize(("answer", "code", "threads"), [("y", 0, "=4"), ("n", 1, "=16")])
def test_fix_asks_on_a_terminal(call_main, tmp_path, stack, monkeypatch, answer, code, threads):
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))

    done = call_main(tmp_path, *FIX)

    assert done.returncode == code
    assert "Apply?" in done.stderr
    assert stack.read_text() == TOO_MANY_THREADS.replace("=16", threads)


def test_fix_says_if_nothing_can_be_fixed(call_main, tmp_path, stack):
    stack.write_text("services:\n  s:\n    image: dragonflydb/dragonfly\n    mem_limit: 1m\n")

    done = call_main(tmp_path, "doctor", "-f", "stack.yml", "--only", "QCA705", "--fix", "--yes")

    assert done.returncode == 1
    assert "Nothing can be fixed automatically" in done.stderr
    assert "QCA705" in done.stdout
