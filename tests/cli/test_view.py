"""`qca view`: the page of a run, until Ctrl-C."""

import re
import signal
import urllib.request

from qca.viewer.server import bind
from tests.support.automata import write_trained_run
from tests.support.program import Program


def test_it_prints_the_address_and_ends_with_ctrl_c(tmp_path):
    write_trained_run(tmp_path / "runs" / "first")
    with Program(tmp_path).start("view", "first") as running:
        running.wait_for_stderr("Ctrl-C stops the viewer.")
        [url] = re.findall(r"http://127\.0\.0\.1:\d+/\S+/", running.read_stderr())
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"qca view" in answer.read()
        assert running.end(signal.SIGINT).returncode == 130


def test_invalid_requests_are_refused_with_a_message(qca):
    write_trained_run(qca.folder / "runs" / "first")
    with bind(0) as bound:
        port = bound.getsockname()[1]
        assert f"port {port} of" in qca("view", "first", "--port", port, check=1).stderr
    assert "invalid grid 9" in qca("view", "first", "--grid", 9, check=2).stderr
