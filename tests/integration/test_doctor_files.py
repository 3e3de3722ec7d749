"""The doctor's findings about realistic Compose files match the behavior of the engine."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.probes import docker
from tests.support.forks import Forked
from tests.testbed.fixtures import Engine

# The file from the seed's notes: 2G for the 16 threads of the laptop, which are set explicitly
# because this machine has fewer.
SEEDS = """\
# Dragonfly for the experiment
services:
  dragonfly:
    image: {image}        # the store
    command: >
      dragonfly
      --logtostderr
      --maxmemory=2G
      --proactor_threads=16
    mem_limit: 3g

  quiet:
    image: {tiny}
    command: ["true"]
"""
REFUSAL = "There are 16 threads, so 4.00GiB are required. Exiting..."


@pytest.fixture
def seeds(tmp_path: Path, engine_unchanged: Engine) -> Iterator[Path]:
    """The seed's file in its own folder; everything that it started is removed."""
    images = engine_unchanged.images
    folder = tmp_path / f"seeds-{time.time_ns()}"
    folder.mkdir()
    file = folder / "docker-compose.yml"
    file.write_text(SEEDS.format(image=images.store, tiny=images.tiny))
    yield file
    engine_unchanged.run("compose", "-f", str(file), "down", "-v", "-t", "1")


def _qca(engine: Engine, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return Forked(folder, engine.variables)(*words, check=None)


def _findings(engine: Engine, folder: Path, *words: str) -> list[dict]:
    done = _qca(engine, folder, "doctor", "--files-only", "--format", "json", *words)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["findings"]


def _start(engine: Engine, file: Path) -> tuple[str, int]:
    """A function that starts the store and returns its log and its exit code, or 0 if it keeps
    running."""
    engine.run("compose", "-f", str(file), "up", "-d", "dragonfly")
    (container,) = engine.run("compose", "-f", str(file), "ps", "-aq", "dragonfly").stdout.split()
    log = engine.run("logs", container)
    for _ in range(50):
        state, code = engine.run(
            "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", container
        ).stdout.split()
        log = engine.run("logs", container)
        if state == "exited" or "Ready to accept connections" in log.stdout + log.stderr:
            return log.stdout + log.stderr, int(code)
        time.sleep(0.2)
    pytest.fail(f"it neither runs nor ends: {log.stderr}")


def test_the_seeds_file_is_refused_as_predicted_fixed_and_starts(
    seeds: Path, engine: Engine
) -> None:
    text, folder = seeds.read_text(), seeds.parent

    # The prediction and the refusal have the same message.
    (predicted,) = [f for f in _findings(engine, folder, "-f", seeds.name) if f["id"] == "QCA301"]
    assert predicted["severity"] == "error"
    assert REFUSAL in predicted["message"]
    assert predicted["evidence"]["required_bytes"] == 4 * 2**30
    assert predicted["location"] == {"file": seeds.name, "line": 9}
    log, code = _start(engine, seeds)
    assert code == 1
    assert REFUSAL in log
    engine.run("compose", "-f", str(seeds), "down", "-v", "-t", "1")

    # The fix changes that line only.
    done = _qca(engine, folder, "doctor", "-f", seeds.name, "--only", "QCA301", "--fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "-      --proactor_threads=16\n" in done.stderr
    assert "+      --proactor_threads=8\n" in done.stderr
    assert seeds.read_text() == text.replace("threads=16", "threads=8")
    assert [path.name for path in folder.iterdir()] == [seeds.name]

    # The store then starts.
    found = _findings(engine, folder, "-f", seeds.name)
    # The file sets no memory limit, which the doctor mentions.
    assert {(f["id"], f["severity"]) for f in found if f["severity"] != "ok"} == {
        ("QCA806", "info")
    }
    log, code = _start(engine, seeds)
    assert code == 0
    assert "Running 8 io threads" in log
    assert "Max memory limit is: 2.00GiB" in log


# Two items of a list, in each notation; a number from a variable must stay a text.
IN_TWO = {
    "on lines": "\n      - dragonfly\n      - '--maxmemory'\n      - \"2G\"  # ours\n"
    "      - --proactor_threads\n      - ${N:-16}\n",
    "in brackets": ' ["dragonfly", "--maxmemory", "2G", "--proactor_threads", "16"]\n',
    "in brackets on lines": ' [dragonfly,\n      --maxmemory,\n      2G, --hz, "16",\n'
    '      --proactor_threads, "16"]\n',
}


@pytest.mark.parametrize("form", IN_TWO)
def test_a_flag_in_two_items_is_fixed_as_compose_accepts_it(
    form: str, tmp_path: Path, engine: Engine
) -> None:
    file = tmp_path / "two.yml"
    file.write_text(
        f"services:\n  a:\n    image: {engine.images.store}\n    command:{IN_TWO[form]}"
    )

    done = _qca(engine, tmp_path, "doctor", "-f", file.name, "--only", "QCA301", "--fix", "--yes")

    assert done.returncode == 0, done.stdout + done.stderr
    told = engine.run("compose", "-f", str(file), "config", "--format", "json").stdout
    words = json.loads(told)["services"]["a"]["command"]
    assert words[words.index("--proactor_threads") + 1] == "8"
    assert words[words.index("--maxmemory") + 1] == "2G"
    starts = [f for f in _findings(engine, tmp_path, "-f", file.name) if f["id"] == "QCA301"]
    assert [finding["severity"] for finding in starts] == ["ok"]


def test_several_files_are_merged_as_by_compose(seeds: Path, engine: Engine) -> None:
    folder = seeds.parent
    (folder / "more.yml").write_text(
        "services:\n  dragonfly:\n    command: dragonfly --maxmemory=4G --proactor_threads=16\n"
        "    mem_limit: 6g\n"
    )

    findings = _findings(engine, folder, "-f", seeds.name, "-f", "more.yml")
    by_id = {finding["id"]: finding for finding in findings}

    assert by_id["QCA301"]["severity"] == "ok"
    assert by_id["QCA301"]["location"] == {"file": "more.yml", "line": 3}
    assert by_id["QCA707"]["severity"] == "ok"
    told = json.loads(
        engine.run(
            *("compose", "-f", str(seeds), "-f", str(folder / "more.yml")),
            *("config", "--format", "json"),
        ).stdout
    )["services"]["dragonfly"]
    assert told["command"] == ["dragonfly", "--maxmemory=4G", "--proactor_threads=16"]
    assert by_id["QCA302"]["evidence"]["container_memory_bytes"] == int(told["mem_limit"])


# Our own reading must agree with Compose.
SAME = {
    "anchors": "x-b: &b {{image: {store}, command: dragonfly --maxmemory=1G}}\n"
    "services: {{a: *b, c: {{<<: *b, mem_limit: 2g}}}}\n",
    "env_file": "services: {{a: {{image: {store}, env_file: e.env, environment: {{A: 5}}}}}}\n",
    "extends": "services:\n  a: {{extends: {{file: other.yml, service: b}}, mem_limit: 2g}}\n",
    "include": "include: [other.yml]\nservices: {{a: {{image: {store}, cpus: 0.5}}}}\n",
    "variables": "services:\n  a:\n    image: {store}\n"
    "    command: dragonfly --maxmemory=${{M:-1G}} --dir=$$HOME --hz=${{H-3}}\n",
    "quotes": "services:\n  a:\n    image: {store}\n"
    "    command: dragonfly '--dir=/a b' \"--dbfilename=x y\"\n",
    "ports": "services: {{a: {{image: {store}, ports: ['127.0.0.1:6400:6379', '6401:6379']}}}}\n",
    "limits": "services:\n  a:\n    image: {store}\n"
    "    deploy: {{resources: {{limits: {{memory: 512m, cpus: '0.5'}}}}}}\n",
}


@pytest.mark.parametrize("name", SAME)
def test_our_own_reading_equals_composes(
    name: str, tmp_path: Path, engine: Engine, engine_environment: Engine
) -> None:
    from infra.compose_file.load import read_compose_files
    from infra.doctor.examined_files import confirm
    from infra.host.facts import ComposePlugin
    from infra.host.probes import compose

    (tmp_path / "e.env").write_text("DFLY_maxmemory=1G\nDFLY_hz=9\n# no\nQ='quoted' \n")
    (tmp_path / ".env").write_text("H=7\n")
    (tmp_path / "other.yml").write_text(
        f"services: {{b: {{image: {engine.images.store}, command: --maxmemory=3G, cpus: 1}}}}\n"
    )
    path = tmp_path / "a.yml"
    path.write_text(SAME[name].format(store=engine.images.store))
    with Deadline(20) as limit:
        plugin = compose.probe(limit)
    assert isinstance(plugin, ComposePlugin)

    own = read_compose_files([path], {})
    told = confirm(own, [path], plugin, {**engine.environment})

    assert (own.unread, told.refused, told.not_confirmed_because) == ((), "", "")
    assert [service.name for service in told.services] == [s.name for s in own.services]
    for ours, theirs in zip(own.services, told.services, strict=True):
        assert [text.value for text in ours.command] == [text.value for text in theirs.command]
        assert ours.memory_limit == theirs.memory_limit
        assert ours.cpus == theirs.cpus
        assert ours.ports == theirs.ports
        assert {k: text.value for k, text in ours.environment.items()} == {
            k: text.value for k, text in theirs.environment.items()
        }


def test_a_file_that_compose_refuses_is_reported(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "c.yml").write_text("services: {a: {imag: x}}\n")

    (finding,) = [f for f in _findings(engine, tmp_path, "-f", "c.yml") if f["id"] == "QCA707"]

    assert finding["severity"] == "error"
    assert "imag" in finding["message"]
    assert engine.run("compose", "-f", str(tmp_path / "c.yml"), "config", check=False).returncode


def test_the_maximum_memlock_is_what_a_container_gets(
    engine: Engine, engine_environment: Engine
) -> None:
    with Deadline(20) as limit:
        found = docker.probe(limit)
    most = getattr(found, "most_memlock", None)
    if most is None:
        pytest.skip("the daemon's process cannot be seen from here")

    tiny = engine.images.tiny
    done = engine.run(
        "run", "--rm", "--ulimit", "memlock=-1", tiny, "sh", "-c", "ulimit -l", check=False
    )

    if most == -1:
        assert done.stdout.strip() == "unlimited"
    elif done.returncode == 0:  # the test bed's runc, which lowers it
        assert int(done.stdout) * 1024 == most
    else:
        assert "rlimit type 8" in done.stderr


# The keys of a service, and the expected message: none, or the start of the engine's error.
LIMITS = {
    "mem_limit: 512": "Minimum memory limit allowed is 6MB",
    "mem_limit: 1g\n    mem_reservation: 2g": "Minimum memory limit can not be less",
    "memswap_limit: 1g": "You should always set the Memory limit",
    "cpus: 1\n    cpu_quota: 100000": "Conflicting options: Nano CPUs and CPU Quota",
    "cpu_quota: 500": "CPU cfs quota can not be less than 1ms",
    "cpu_period: 500": "CPU cfs period can not be less than 1ms",
    "cpuset: 0-8191": "Requested CPUs are not available - requested 0-8191",
    "cpuset: 0, 1": "Invalid value 0, 1 for cpuset cpus",
    "ulimits: {nofile: {soft: 20, hard: 10}}": "error setting rlimit",
    "runtime: nosuch": "nosuch",
    "deploy: {resources: {reservations: {devices: [{capabilities: [tpu]}]}}}": "[[tpu]]",
    "mem_limit: 64m\n    mem_reservation: 32m\n    memswap_limit: -1": "",
    "cpu_quota: 50000\n    cpu_period: 100000\n    cpuset: '0,0'": "",
    "ulimits: {nofile: {soft: 512, hard: 1024}}\n    runtime: runc": "",
}


@pytest.mark.parametrize(("keys", "says"), LIMITS.items(), ids=LIMITS)
def test_settings_that_the_engine_refuses_are_errors(
    keys: str, says: str, tmp_path: Path, engine_unchanged: Engine
) -> None:
    engine, folder = engine_unchanged, tmp_path / f"limits-{time.time_ns()}"
    folder.mkdir()
    file = folder / "c.yml"
    file.write_text(f"services:\n  a:\n    image: {engine.images.tiny}\n    {keys}\n")

    messages = [f["message"] for f in _findings(engine, folder, "-f", file.name)
                if f["severity"] not in ("ok", "info")]  # fmt: skip
    up = engine.run("compose", "-f", str(file), "up", "--no-start", check=False)
    started = engine.run("compose", "-f", str(file), "start", check=False)
    engine.run("compose", "-f", str(file), "down", "-v", "-t", "1")

    assert [says in message for message in messages] == ([True] if says else [])
    assert says in up.stderr + started.stderr
    assert bool(up.returncode or started.returncode) == bool(says)


def test_the_images_that_the_engine_has_need_no_space(tmp_path: Path, engine: Engine) -> None:
    """The engine lists its images; what it lacks has an unknown size."""
    file = tmp_path / "compose.yaml"
    here = f"  here: {{image: '{engine.images.tiny}'}}\n"

    for services, severity in (
        (here, "ok"),
        (f"{here}  far: {{image: 'registry.invalid/far:1'}}\n", "skipped"),
    ):
        file.write_text(f"services:\n{services}")
        words = ("--files-only", "--only", "QCA602", "--format", "json", str(file))
        done = _qca(engine, tmp_path, "doctor", *words)
        (finding,) = json.loads(done.stdout)["findings"]
        assert finding["severity"] == severity
        assert ("registry.invalid/far:1" in finding["message"]) is (severity == "skipped")
