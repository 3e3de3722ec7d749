"""QCA7xx: faults in a Compose file, each with its line."""

from dataclasses import replace
from typing import Any

import pytest

from infra.doctor.examine import examine
from infra.host.facts import EngineAnswers, HostFacts, Known
from tests.support.hosts import (
    CDI_ENGINE,
    PLUGIN,
    WSL_SYSTEM,
    compose_file,
    config,
    driver,
    engine,
    gpu,
    host,
    no_engine,
    one,
)
from tests.support.verdicts import (
    ERROR,
    HEAD,
    INFO,
    OK,
    SKIPPED,
    WARNING,
    FileCase,
    assert_file_verdict,
    gpu_host,
    judge_file,
)


def _reserve(how: str, capabilities: str = "gpu") -> str:
    device = f"{{{how}, capabilities: [{capabilities}]}}"
    return f"    deploy: {{resources: {{reservations: {{devices: [{device}]}}}}}}\n"


GPUS = "    gpus: all\n"
BUILT = "    build: .\n"

CDI = _reserve("driver: cdi, device_ids: ['nvidia.com/gpu=all']")

WITH_RUNTIME = engine(runtimes=("runc", "nvidia"))


def _devices(*names: str) -> str:
    return "".join(["    devices:\n", *(f"      - {name}\n" for name in names)])


AWAITS_CACHE = "depends_on: {cache: {condition: service_healthy}}"

NO_ENGINE = host(docker=no_engine("not-running"))
VISIBLE = "    environment:\n      - NVIDIA_VISIBLE_DEVICES=all\n"
RUNC_ENGINE = engine(default_runtime="runc")
RUNC = host(docker=RUNC_ENGINE)
WSL = gpu_host(system=WSL_SYSTEM)

NO_CPU_LIMITS = host(docker=engine(limits_cpu=False))
OLD_COMPOSE = replace(PLUGIN, version="2.26.1-4")


def _buildx(version: str | None, compose: str = "2.40.3") -> HostFacts:
    return host(compose=replace(PLUGIN, version=compose, buildx=version))


FILE_CASES = [
    FileCase("QCA206", BUILT, ERROR, "requires buildx 0.17.0", 2, _buildx("0.13.1+ds1")),
    FileCase(
        "QCA206",
        BUILT,
        ERROR,
        "cannot build images with buildx 0.16.2",
        2,
        _buildx("0.16.2", "5.6.1"),
    ),
    FileCase("QCA206", BUILT, OK, "", facts=_buildx("0.17.0")),
    FileCase("QCA206", BUILT, OK, "", facts=_buildx("")),  # Compose builds without buildx
    FileCase("QCA206", BUILT, OK, "", facts=_buildx("0.13.1", "2.26.1-4")),
    FileCase("QCA206", BUILT, SKIPPED, "not recorded", facts=_buildx(None)),
    FileCase("QCA206", BUILT, SKIPPED, "buildx dev can build images", facts=_buildx("dev")),
    FileCase("QCA206", BUILT, SKIPPED, "Compose dev and", facts=_buildx("0.13.1", "dev")),
    FileCase("QCA206", "", OK, "", facts=_buildx("0.13.1")),
    FileCase("QCA701", "", OK, "read completely", 1),
    FileCase("QCA701", "    extends: {file: o.yml, service: x}\n", SKIPPED, "not read", 4),
    FileCase("QCA701", "    env_file: secrets.env\n", SKIPPED, "`env_file`", 4),
    FileCase("QCA702", "    command: --maxmemory=${M}\n", WARNING, "uses an empty value", 4),
    FileCase("QCA702", "    command: --maxmemory=${M:?say how much}\n", ERROR, "say how much", 4),
    FileCase("QCA702", "    command: --maxmemory=${M:-2G}\n", OK, "", 1),
    FileCase(
        "QCA702", "    env_file: secrets.env\n", SKIPPED, "so its variables were not checked", 4
    ),
    FileCase("QCA703", "version: '3'\n", INFO, "obsolete", 4),
    FileCase("QCA703", "    gpus: all\n", OK, "", 1),
    FileCase("QCA703", GPUS, WARNING, "2.26", facts=host(gpu=driver(gpu()), compose=OLD_COMPOSE)),
    FileCase(
        "QCA703", GPUS, SKIPPED, "the installed version is unknown", facts=host(compose="hung")
    ),
    FileCase(
        "QCA704", "    command: --http_admin_console=true\n", ERROR, "primary_port_http_enabled", 4
    ),
    FileCase("QCA704", "    command: --oom_deny_commands=get\n", OK, "", 2),  # removed in v1.40
    FileCase("QCA704", "    command: --oom_deny_ratio=1\n", INFO, "retired since v1.26.0", 4),
    FileCase(
        "QCA704",
        "    environment: {DFLY_oom_deny_ratio: 1}\n",
        ERROR,
        "retired since v1.26.0, and is ignored only on the command line",
        4,
    ),
    FileCase("QCA704", "    command: --use_large_pages\n", ERROR, "It was removed in v1.4.0", 4),
    FileCase("QCA704", "    command: --coro_squash\n", ERROR, "A later release added it", 4),
    FileCase("QCA704", "    command: --huffman_table=x\n", ERROR, "v1.29.0 to v1.30.3 lack it", 4),
    FileCase(
        "QCA704",
        "    command:\n      - --hz=1\n      - --proactor_threads 2\n",
        ERROR,
        "'proactor_threads 2'.\nNo release is known to have it. Write proactor_threads=2",
        6,
    ),
    FileCase("QCA704", "    command: --proactor-threads=2\n", ERROR, "Write proactor_threads.", 4),
    # This resembles no flag's name, so there is nothing to suggest.
    FileCase("QCA704", "    command: ['--grün=1']\n", ERROR, "unknown flag 'grün'", 4),
    FileCase(
        "QCA704", "    environment: {DFLY_MAXMEMORY: 2G}\n", ERROR, "Write DFLY_maxmemory.", 4
    ),
    FileCase("QCA704", "    environment: {DFLY_DEV_ENV: 1, dfly_x: 1}\n", OK, "", 2),
    FileCase("QCA704", "    environment: {DFLY_PASSWORD: x}\n", ERROR, "DFLY_requirepass", 4),
    FileCase(
        "QCA704",
        "    environment: {DFLY_PASSWORD: x}\n",
        ERROR,
        "before v1.11.0 read the password",
        4,
    ),
    FileCase("QCA704", "    environment: {DFLY_requirepass: x}\n", OK, "", 2),
    FileCase("QCA704", "    command: --compression_mode=zstd\n", ERROR, "from 0 to 3", 4),
    FileCase("QCA704", "    command: --replicaof=master\n", ERROR, "host:port", 4),
    FileCase("QCA704", "    environment: {DFLY_help: 1}\n", ERROR, "unknown environment var", 4),
    FileCase("QCA704", "    command: --help\n", ERROR, "and exits", 4),
    FileCase(
        "QCA704", "    command: --port=abc\n", ERROR, "illegal value port=abc.\nThe value must", 4
    ),
    FileCase("QCA704", "    command: --port=70000\n", ERROR, "up to 65535", 4),
    FileCase("QCA704", "    command: --port=0\n", ERROR, "unixsocket", 4),
    FileCase("QCA704", "    command: --dbfilename\n", ERROR, "A value is missing", 4),
    FileCase("QCA704", "    command: --dbfilename --tls\n", OK, "", 2),  # `--tls` is the file name
    FileCase("QCA704", "    command: --dbfilename=dump.rdb\n", ERROR, "--nodf_snapshot_format", 4),
    FileCase("QCA704", "    command: --snapshot_cron='*:30'\n", ERROR, "crontab of five", 4),
    FileCase("QCA704", "    command: --cache_mode=on\n", ERROR, "true or false", 4),
    FileCase(
        "QCA704", "    environment: {DFLY_dbnum: many}\n", ERROR, "illegal value dbnum=many", 4
    ),
    FileCase("QCA704", "    command: --port=-1 --dbnum=16 --dir=abc\n", OK, "", 2),
    FileCase("QCA704", "    command: --max_memory=2G\n", ERROR, "Write maxmemory.", 4),
    FileCase("QCA704", "    command: --maxmemry=2G\n", ERROR, "Did you mean maxmemory?", 4),
    FileCase("QCA704", "    command: --zzz=2\n", ERROR, "`dragonfly --helpfull`", 4),
    FileCase("QCA704", "    command: --undefok=zzz --zzz=2\n", OK, "", 2),
    FileCase(
        "QCA704",
        "    command: --undefok=zzz\n    environment: {DFLY_zzz: 2}\n",
        ERROR,
        "unknown environment variable 'DFLY_zzz'",
        5,
    ),
    FileCase("QCA704", "    command: --fromenv=hz\n", ERROR, "FLAGS_hz is not set", 4),
    FileCase("QCA704", "    command: --tryfromenv=hz\n", OK, "", 2),
    FileCase(
        "QCA704", "    command: --maxmemory-policy=noeviction\n", ERROR, "It is a Redis flag", 4
    ),
    FileCase("QCA704", "    environment: {DFLY_zzz: 2}\n", ERROR, "'DFLY_zzz'", 4),
    FileCase("QCA704", "    command: --noversion_check --dbnum=4 --tls=no\n", OK, "", 2),
    FileCase("QCA704", "    command: --tls\n", ERROR, "tls requires requirepass", 4),
    FileCase("QCA704", "    command: --save_schedule='*:30'\n", ERROR, "30 * * * *", 4),
    FileCase("QCA704", "    command: sh -c 'dragonfly --x=1'\n", SKIPPED, "shell", 2),
    FileCase("QCA704", "    command: --flagfile=/etc/flags\n", SKIPPED, "was not read", 2),
    FileCase("QCA705", "    cpus: 32\n", ERROR, "Range of CPUs is from 0.01 to 16.00", 4),
    FileCase("QCA705", "    cpus: 16\n", OK, "", 1),
    FileCase("QCA705", "    cpus: 0\n", OK, "", 1),
    FileCase("QCA705", "    cpus: 0.5\n", ERROR, "cannot limit CPUs", 4, NO_CPU_LIMITS),
    FileCase("QCA705", "    cpu_quota: 50000\n    cpuset: 0-1\n", OK, "", 1, NO_CPU_LIMITS),
    FileCase("QCA705", "    cpus: many\n", ERROR, "not a number", 4),
    FileCase("QCA705", "    mem_limit: 4 Gigs\n", ERROR, "4 Gigs", 4),
    FileCase("QCA705", "    mem_limit: 512 MB\n    mem_reservation: 1.5e2m\n", OK, "", 1),
    FileCase("QCA705", "    mem_limit: -1\n", ERROR, "Minimum memory limit allowed is 6MB", 4),
    FileCase("QCA705", "    mem_reservation: -1\n", OK, "", 1),
    FileCase("QCA705", "    cpus: inf\n", ERROR, "not a number", 4),
    FileCase("QCA705", "    mem_limit: 512\n", ERROR, "Minimum memory limit allowed is 6MB", 4),
    FileCase("QCA705", "    mem_reservation: 1m\n", ERROR, "Minimum memory reservation allowed", 4),
    FileCase(
        "QCA705",
        "    mem_limit: 1g\n    mem_reservation: 2g\n",
        ERROR,
        "less than memory reserv",
        5,
    ),
    FileCase(
        "QCA705",
        "    mem_limit: 1g\n    deploy: {resources: {reservations: {memory: 2g}}}\n",
        ERROR,
        "less than memory reserv",
        5,
    ),
    FileCase(
        "QCA705", "    mem_limit: 2g\n    memswap_limit: 1g\n", WARNING, "larger than memory", 5
    ),
    FileCase("QCA705", "    mem_limit: 2g\n    memswap_limit: 2g\n", OK, "", 1),
    FileCase("QCA705", "    mem_limit: 2g\n    memswap_limit: -1\n", OK, "", 1),
    FileCase("QCA705", "    memswap_limit: 1g\n", ERROR, "always set the Memory limit", 4),
    FileCase("QCA705", "    cpus: 2\n    cpu_quota: 100000\n", ERROR, "Nano CPUs and CPU Quota", 5),
    FileCase("QCA705", "    cpu_quota: 500\n", ERROR, "less than 1ms", 4),
    FileCase("QCA705", "    cpu_quota: -1\n    cpu_period: 100000\n", OK, "", 1),
    FileCase("QCA705", "    cpu_period: 500\n", ERROR, "larger than 1s", 4),
    FileCase("QCA705", "    cpuset: 0-15\n", OK, "", 1),
    FileCase("QCA705", "    cpuset: ''\n", OK, "", 1),
    FileCase("QCA705", "    cpuset: 0-16\n", ERROR, "more CPUs than the engine's 16", 4),
    FileCase("QCA705", "    cpuset: '16'\n", WARNING, "CPU 16 may not exist", 4),
    FileCase("QCA705", "    cpuset: 0, 1\n", ERROR, "Invalid value 0, 1", 4),
    FileCase("QCA705", "    cpuset: 3-1\n", ERROR, "Invalid value 3-1", 4),
    FileCase(
        "QCA705",
        "    ulimits: {memlock: {soft: -1, hard: 65536}}\n",
        ERROR,
        "ulimits.memlock.soft -1 is above the hard limit 65536",
        4,
    ),
    FileCase("QCA705", "    ulimits: {nofile: {soft: 20, hard: 10}}\n", ERROR, "above the hard", 4),
    FileCase("QCA705", "    ulimits: {nofile: {soft: 9, hard: 10}, memlock: -1}\n", OK, "", 1),
    FileCase("QCA706", "    gpus: all\n", ERROR, "could not select device driver", 4),
    FileCase("QCA706", "    runtime: nvidia\n", ERROR, "invalid runtime name: nvidia", 4),
    FileCase("QCA706", GPUS, OK, "can provide a GPU", facts=host(gpu=driver(gpu()))),
    FileCase(
        "QCA706",
        _reserve("driver: nvidia, count: 1"),
        OK,
        "can provide a GPU",
        facts=host(gpu=driver(gpu())),
    ),
    FileCase(
        "QCA706",
        _reserve("driver: nvidia", "compute, utility"),
        OK,
        "",
        facts=host(gpu=driver(gpu())),
    ),
    FileCase("QCA706", _reserve("driver: nvidia", ""), OK, "", facts=host(gpu=driver(gpu()))),
    FileCase(
        "QCA706",
        _reserve("driver: nvidia, count: 2"),
        ERROR,
        "GPU 1 (deploy.resources.reservations.devices), counted from 0; this host has 1",
        facts=host(gpu=driver(gpu())),
    ),
    FileCase(
        "QCA706",
        _reserve("device_ids: ['3']"),
        ERROR,
        "3: unknown device",
        facts=host(gpu=driver(gpu())),
    ),
    FileCase(
        "QCA706", "    gpus: [{count: 2}]\n", ERROR, "unknown device", facts=host(gpu=driver(gpu()))
    ),
    FileCase("QCA706", "    gpus: []\n    runtime: runc\n", OK, "", facts=host(gpu=driver(gpu()))),
    FileCase(
        "QCA706",
        _reserve("count: 1", "gpu, tpu"),
        ERROR,
        "[[gpu tpu]]",
        facts=host(gpu=driver(gpu())),
    ),
    FileCase(
        "QCA706",
        _reserve("driver: intel, count: 1"),
        SKIPPED,
        "a device driver other than NVIDIA's",
        facts=host(gpu=driver(gpu())),
    ),
    FileCase(
        "QCA706", _reserve("count: 1", "nvidia"), ERROR, 'driver "" with capabilities', facts=host()
    ),
    FileCase("QCA706", _reserve("driver: nvidia", "utility"), ERROR, "[[utility]]", facts=host()),
    FileCase(
        "QCA706", CDI, ERROR, 'device driver "cdi"', facts=host(docker=engine(version="24.0.7"))
    ),
    FileCase(
        "QCA706",
        _devices("nvidia.com/gpu=all"),
        ERROR,
        'driver "cdi" with capabilities: []',
        5,
        host(docker=engine(version="20.10.24")),
    ),
    FileCase("QCA706", _devices("nvidia.com/gpu=all"), ERROR, "unresolvable CDI", facts=host()),
    FileCase("QCA706", _devices("nvidia.com/gpu=0"), OK, "", facts=host(docker=CDI_ENGINE)),
    FileCase("QCA706", _devices("nvidia.com/gpu=0"), SKIPPED, "no engine", facts=NO_ENGINE),
    FileCase("QCA706", _devices("/dev/nvidia0:/dev/nvidia0"), ERROR, "no such file", 5, host()),
    FileCase("QCA706", _devices("/dev/nvidiactl"), ERROR, "no NVIDIA card", 5, host()),
    FileCase("QCA706", _devices("/dev/nvidia0"), ERROR, "/dev/dxg", facts=WSL),
    FileCase("QCA706", _devices("/dev/nvidia0"), INFO, "only the device file", facts=gpu_host()),
    FileCase("QCA706", _devices("/dev/nvidia0") + GPUS, OK, "", facts=gpu_host()),
    FileCase("QCA706", _devices("/dev/nvidia0"), SKIPPED, "no engine", facts=NO_ENGINE),
    FileCase(
        "QCA706",
        _devices("/dev/nvidia0"),
        SKIPPED,
        "another machine",
        facts=host(docker=engine(host="tcp://db:2375")),
    ),
    FileCase("QCA706", _devices("/dev/dri/renderD128", "/dev/fuse"), OK, "", facts=host()),
    FileCase("QCA706", VISIBLE, WARNING, "without a GPU", 5, RUNC),
    FileCase("QCA706", VISIBLE + GPUS, OK, "", facts=gpu_host(docker=RUNC_ENGINE)),
    FileCase("QCA706", "    environment: {NVIDIA_VISIBLE_DEVICES: void}\n", OK, "", facts=RUNC),
    FileCase("QCA706", VISIBLE, SKIPPED, "default runtime", facts=host()),
    FileCase(
        "QCA706",
        VISIBLE,
        OK,
        "",
        facts=gpu_host(docker=engine(runtimes=("nvidia", "runc"), default_runtime="nvidia")),
    ),
    FileCase(
        "QCA706", CDI, SKIPPED, "does not report that", facts=host(docker=engine(version="25.0.0"))
    ),
    FileCase("QCA706", CDI, ERROR, "unresolvable CDI devices nvidia.com/gpu=all", facts=host()),
    FileCase(
        "QCA706",
        CDI,
        OK,
        "has its CDI devices",
        facts=host(docker=engine(cdi_devices=("nvidia.com/gpu=all",))),
    ),
    FileCase(
        "QCA706", "    runtime: nvidia\n", ERROR, "name: nvidia", facts=host(gpu=driver(gpu()))
    ),
    FileCase("QCA706", "    runtime: runsc\n", ERROR, "invalid runtime name: runsc", facts=host()),
    FileCase("QCA706", "    runtime: io.containerd.runsc.v1\n", OK, "", facts=host()),
    FileCase(
        "QCA706",
        "    runtime: nvidia\n",
        OK,
        "",
        facts=host(gpu=driver(gpu()), docker=WITH_RUNTIME),
    ),
    FileCase(
        "QCA706", "    runtime: nvidia\n", SKIPPED, "no GPU is", facts=host(docker=WITH_RUNTIME)
    ),
    FileCase(
        "QCA706",
        GPUS,
        SKIPPED,
        "no engine",
        facts=host(gpu=driver(gpu()), docker=no_engine("not-running")),
    ),
    # Without Compose, qca validates the file against the schema and the rules.
    FileCase("QCA707", "    comand: x\n", ERROR, "additional properties 'comand' not allowed", 4),
    FileCase("QCA707", "    mem_limits: 1g\n", ERROR, "'mem_limits' not allowed", 4),
    FileCase("QCA707", "    ports: 6379\n", ERROR, "services.cache.ports must be an array", 4),
    FileCase("QCA707", "    networks: [n]\n", ERROR, "refers to undefined network n", 4),
    FileCase("QCA707", "    mem_limit: '-1'\n", ERROR, "invalid size: '-1'", 4),
    FileCase("QCA709", "    volumes: ['vol:/v']\nvolumes: {vol: {}}\n", OK, "", 1),
    FileCase(
        "QCA709",
        "    volumes: ['vol:/v']\nvolumes:\n  vol: {external: true}\n",
        SKIPPED,
        "has volume vol: no engine was asked",
        6,
    ),
    FileCase("QCA709", "networks: {n: {external: true}}\n", OK, "", 1),  # no service uses it
    *(
        FileCase(
            "QCA710", f"  train:\n    image: pytorch/pytorch:2.13.0\n{lines}", severity, says, 5
        )
        for lines, severity, says in (
            ("", INFO, "with 64 MiB of shared memory.\n"),
            ("    command: train --num_workers=0\n", INFO, "with 64 MiB of shared memory.\n"),
            ("    command: train --num_workers=8\n", WARNING, "and 8 workers"),
            (
                "    command: [train, --dataloader-num-workers, '4']\n",
                WARNING,
                "and 4 workers",
            ),
            ("    command: train --workers 2\n    shm_size: 32m\n", WARNING, "32 MiB"),
            ("    command: train --workers 2\n    shm_size: 1gb\n", OK, "1 GiB"),
            ("    ipc: host\n", OK, "the host's shared memory"),
            ("    ipc: service:cache\n", SKIPPED, "of another container"),
            ("    tmpfs: /dev/shm:size=1g\n", OK, "its own /dev/shm"),
            ("    volumes: [{type: tmpfs, target: /dev/shm}]\n", OK, "its own /dev/shm"),
            ("    volumes: ['/dev/shm:/dev/shm']\n", OK, "its own /dev/shm"),
            ("    extends: {file: none.yml, service: x}\n", SKIPPED, "was not read"),
        )
    ),
    FileCase("QCA710", "    command: torchrun train.py\n", INFO, "runs torch", 3),
    FileCase("QCA710", "", OK, ""),  # no training service
    FileCase("QCA711", "    working_dir: app\n", ERROR, "not an absolute path", 4),
    FileCase("QCA711", "", OK, "no setting", 1),
    FileCase("QCA711", "    logging: {driver: loki}\n", SKIPPED, "is a plugin", 4),
    FileCase("QCA712", "    healthcheck: {test: [CMD, a b]}\n", WARNING, "no program 'a b'", 4),
    FileCase("QCA712", "", OK, "never ready", 1),
    FileCase("QCA712", f"  app: {{image: x, {AWAITS_CACHE}}}\n", SKIPPED, "was not examined", 4),
    FileCase(
        "QCA714", "  b: {image: 'bitnami/redis:7.2'}\n", WARNING, "bitnamilegacy/redis:7.2", 4
    ),
    FileCase("QCA714", "", OK, "withdrawn", 1),
    FileCase("QCA714", "    extends: {file: no.yml, service: a}\n", SKIPPED, "was not read", 2),
    FileCase("QCA715", "    container_name: x\n", SKIPPED, "no engine was asked", 4),
    FileCase("QCA715", "", OK, "is fixed", 1),
    FileCase("QCA713", "    volumes: ['./r.conf:/r.conf']\n", WARNING, "r.conf is missing", 4),
    FileCase("QCA713", "    volumes: ['./data:/data']\n", OK, "are there", 1),
    FileCase("QCA713", "    volumes: ['/etc/r.conf:/r.conf']\n", SKIPPED, "outside", 4),
    FileCase("QCA708", "    command: dragonfly --hz=1 | tee log\n", WARNING, "| tee log", 4),
    FileCase(
        "QCA708",
        "    command: dragonfly --requirepass=a&b --maxmemory=4G\n",
        WARNING,
        "drops the end of the command: &b --maxmemory=4G",
        4,
    ),
    FileCase("QCA708", "    entrypoint: 'dragonfly; exit 1'\n", WARNING, "unquoted ;", 4),
    FileCase("QCA708", "    command: dragonfly '--requirepass=a&b'\n", OK, "", 1),
    FileCase("QCA708", "    command: [sh, -c, 'dragonfly | tee log']\n", OK, "", 1),
    FileCase("QCA708", "    extends: {file: o.yml, service: x}\n", SKIPPED, "was not read", 2),
]


@pytest.mark.parametrize("case", FILE_CASES, ids=str)
def test_file(tmp_path, case: FileCase):
    assert_file_verdict(tmp_path, case)


NETWORK = "    networks: [n]\nnetworks:\n  n: {external: true, name: shared}\n"
CONTAINER = "    network_mode: container:vpn\n"
EXTERNALS = [
    (NETWORK, {"networks": {"bridge"}}, ERROR, "docker network create shared", 6),
    (NETWORK, {"networks": {"shared"}}, OK, "has the external network shared", 6),
    (NETWORK, {}, SKIPPED, "the engine has network shared: no engine was asked", 6),
    (CONTAINER, {"containers": {}}, ERROR, "does not have the container vpn, and the project", 4),
    (CONTAINER, {"containers": {"vpn": ""}}, OK, "has the external container vpn", 4),
    (CONTAINER, {}, SKIPPED, "the engine has container vpn: no engine was asked", 4),
]


@pytest.mark.parametrize(("text", "known", "severity", "says", "line"), EXTERNALS)
def test_an_external_resource_is_looked_up(tmp_path, text, known, severity, says, line):
    file = compose_file(tmp_path, HEAD + text)
    facts: dict[str, Any] = {kind: Known(value=names) for kind, names in known.items()}
    answers = EngineAnswers(**facts)

    finding = one(host(), "QCA709", files=[file], engine_answers=answers)

    assert finding.severity is severity
    assert finding.location
    assert finding.location.line == line
    assert says in finding.message


@pytest.mark.parametrize(
    ("kind", "role", "severity"),
    [
        ("networks", "worker", SKIPPED),
        ("networks", "manager", ERROR),
        ("networks", "none", ERROR),
        ("networks", None, ERROR),
        ("volumes", "worker", ERROR),
    ],
)
def test_a_worker_of_a_swarm_does_not_list_unused_networks(tmp_path, kind, role, severity):
    """Compose then tries to connect to the network, as `docker run` does."""
    use = "[shared]" if kind == "networks" else "['shared:/data']"
    text = HEAD + f"    {kind}: {use}\n{kind}: {{shared: {{external: true}}}}\n"
    file = compose_file(tmp_path, text)
    facts: dict[str, Any] = {kind: Known(value=frozenset())}
    answers = EngineAnswers(**facts)

    here = host(docker=engine(swarm_role=role))
    finding = one(here, "QCA709", files=[file], engine_answers=answers)

    assert finding.severity is severity


ASKED = [
    ({"refused": "services.cache additional properties 'x' not allowed"}, ERROR, "properties 'x'"),
    ({"confirmed_by": "Compose 2.40.3"}, OK, "Compose 2.40.3 accepts"),
    ({"not_confirmed_because": "`docker compose` is not there"}, SKIPPED, "is not there"),
]


@pytest.mark.parametrize(("answer", "severity", "says"), ASKED)
def test_composes_message_is_reported(tmp_path, answer, severity, says):
    file = replace(compose_file(tmp_path, HEAD), **answer)

    (finding,) = [f for f in examine(host(), config(), files=[file]) if f.id == "QCA707"]

    assert finding.severity is severity
    assert finding.location
    assert finding.location.line == (2 if severity is ERROR else 1)
    assert says in finding.message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("    hostname: 12\n", "services.cache.hostname must be a string"),
        ("    environment: [1]\n", "services.cache.environment.0 must be a string"),
        (
            "    hostname: 12\n    nosuch: 1\n    x-own: 1\n",
            "services.cache additional properties 'nosuch' not allowed",
        ),
    ],
)
def test_a_wrong_value_does_not_make_other_keys_unknown(tmp_path, lines, message):
    file = compose_file(tmp_path, HEAD + lines)

    assert file.refusals[-1].message == message


@pytest.mark.parametrize(("key", "line"), [("hostname", 4), ("user", 5)])
def test_the_line_is_that_of_the_violation_that_compose_reports(tmp_path, key, line):
    read = compose_file(tmp_path, HEAD + "    hostname: 12\n    user: 1000\n")
    file = replace(read, refused=f"services.cache.{key} must be a string")

    (finding,) = [f for f in examine(host(), config(), files=[file]) if f.id == "QCA707"]

    assert finding.location
    assert finding.location.line == line


@pytest.mark.parametrize("fact", ["docker", "gpu"])
def test_a_gpu_service_on_an_unknown_host(tmp_path, fact):
    file = compose_file(tmp_path, HEAD + "    gpus: all\n")

    findings = examine(host(**{fact: "hung"}), config(), files=[file])

    assert [f.severity for f in findings if f.id == "QCA706"] == [SKIPPED]


def test_a_version_line_is_accepted_by_an_old_compose(tmp_path):
    old = host(compose=replace(PLUGIN, version="2.24.0"))

    assert judge_file(tmp_path, "QCA703", "version: '3'\n" + HEAD, old).severity is OK


def test_an_engine_without_a_cpu_count_uses_the_hosts(tmp_path):
    blind = host(docker=engine(cpus=0))

    assert judge_file(tmp_path, "QCA705", HEAD + "    cpus: 8\n", blind).severity is OK
    assert judge_file(tmp_path, "QCA705", HEAD + "    cpus: 9\n", blind).severity is ERROR


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("scale: 2, ports: ['7000:1']", "has 2 containers that all publish port 7000"),
        ("deploy: {replicas: 3}, ports: ['7000:1']", "Publish a range, such as 7000-7002"),
        ("ports: ['7000:1', '7000:2']", "Service a publishes port 7000 twice"),
        ("scale: 2, ports: ['7000-7001:1']", ""),
        ("scale: 2, ports: ['1']", ""),
    ],
)
def test_a_port_published_twice_by_one_service(tmp_path, keys, says):
    file = compose_file(tmp_path, f"services:\n  a: {{image: x, {keys}}}\n")

    errors = [f for f in examine(host(), config(), files=[file]) if f.severity is ERROR]

    assert [says in finding.message for finding in errors] == ([True] if says else [])


@pytest.mark.parametrize(
    ("keys", "clashes"),
    [
        ("image: redis:7", True),
        ("image: docker.dragonflydb.io/dragonflydb/dragonfly", True),
        ("image: redis:7, command: redis-server --port 7001", False),
        ("image: mine, command: serve --port=6500", True),
        ("image: mine, ports: ['6500:1']", False),  # host networking publishes no ports
    ],
)
def test_a_service_in_the_hosts_network_has_its_images_port(tmp_path, keys, clashes):
    other = "image: x, ports: ['6379:1', '6500:1']"
    text = f"services:\n  a: {{network_mode: host, {keys}}}\n  b: {{{other}}}\n"
    file = compose_file(tmp_path, text)

    findings = examine(host(), config(), files=[file])

    errors = [f for f in findings if f.id == "QCA601" and f.severity is ERROR]
    assert bool(errors) == clashes


@pytest.mark.parametrize(
    "keys",
    [
        "scale: NINES, ports: ['7000:1']",
        "ulimits: {memlock: 'NINES'}",
        "gpus: [{count: 'NINES'}]",
        "gpus: [{device_ids: ['NINES']}]",
        "network_mode: host, command: [redis-server, --port, 'NINES']",
    ],
)
def test_no_check_fails_because_of_a_huge_number(tmp_path, keys):
    text = f"services:\n  a: {{image: redis, {keys}}}\n"
    file = compose_file(tmp_path, text.replace("NINES", "9" * 5000))

    findings = examine(gpu_host(), config(), files=[file])

    assert [finding.message for finding in findings if finding.is_check_failure] == []


def test_the_remedy_names_a_variable_as_the_file_does(tmp_path):
    text = HEAD + "    environment: {DFLY_nosuch: 1}\n"

    (remedy,) = judge_file(tmp_path, "QCA704", text, host()).remedies

    assert remedy.title == "Remove DFLY_nosuch from service cache"
