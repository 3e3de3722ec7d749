"""`qca export` writes a file with its card."""

from tests.support.automata import write_trained_run


def test_a_run_becomes_a_file_with_a_card(qca):
    write_trained_run(qca.folder / "runs" / "first")
    done = qca("export", "first", "-o", "first.safetensors", "--license", "CC0-1.0")
    assert "Wrote first.safetensors and first.safetensors.md." in done.stderr
    assert "License: CC0-1.0" in (qca.folder / "first.safetensors.md").read_text()
    qca("rollout", "first.safetensors", "--steps", 2)
    assert (qca.folder / "rollout.html").exists()


def test_invalid_requests_are_refused_with_a_message(qca):
    write_trained_run(qca.folder / "runs" / "first")
    assert "unknown output format" in qca("export", "first", "-o", "a.bin", check=2).stderr
    assert "no run 'second'" in qca("export", "second", "-o", "a.pth", check=2).stderr
    assert "-o" in qca("export", "first", check=2).stderr
