"""Small Compose files, and Compose's output for them.

Accepted values are as printed by `docker compose config --format json` (2.40.3 and 5.6.1 alike);
refused files have the line at fault and a part of Compose's message.
tests/integration/test_compose_reading.py compares them with the test bed's Compose.
"""

from typing import Any

_HEAD = "services:\n  a:\n    image: x\n"


def write_service(keys: str) -> str:
    """Return a file with one service, `a`, that has these keys, one per line."""
    return _HEAD + "".join(f"    {line}\n" for line in keys.splitlines())


# Keys of a service, and the result for one of them.
TAKEN: dict[str, tuple[str, str, Any]] = {
    # A `$` that does not start a variable is kept; the output doubles it.
    "a lone dollar": ("command: [a$, '5$', '$1 $(date)', ^end$]", "command",
                      ["a$$", "5$$", "$$1 $$(date)", "^end$$"]),
    "a lone dollar in a default": ("image: ${UNSET:-$2a$14$.x}", "image", "$$2a$$14$$.x"),
    # YAML's scalars.
    "numbers": ("environment: {A: 010, B: 1e3, C: 1.0, D: 0x1F, E: 1_000, F: 1.50, G: .5}",
                "environment", {"A": "8", "B": "1000", "C": "1", "D": "31", "E": "1000",
                                "F": "1.5", "G": "0.5"}),
    "truth": ("environment: {A: yes, B: True, C: off, D: ~, E: ''}", "environment",
              {"A": "yes", "B": "true", "C": "off", "D": None, "E": ""}),
    "a comment behind a key": ("command:   # size\n  --maxmemory=2G\n\nmem_limit: 3g", "command",
                               ["--maxmemory=2G"]),
    # Commands.
    "a command that is cut": ("command: run --a=1&2 --b", "command", ["run", "--a=1"]),
    "a pipe in quotes": ("command: sh -c 'a | b'", "command", ["sh", "-c", "a | b"]),
    "a redirection": ("command: run 2>log", "command", ["run"]),
    "an escaped blank": ("command: a\\ b c", "command", ["a b", "c"]),
    "a number sign": ("command: 'a #b'", "command", ["a", "#b"]),
    "backquotes": ("command: a `b c` d", "command", ["a", "`b c`", "d"]),
    "no words": ("entrypoint: ''", "entrypoint", []),
    # Sizes and CPUs.
    "a blank in a size": ("mem_limit: 2 g", "mem_limit", "2147483648"),
    "a fraction of a size": ("mem_limit: 1.5e3m", "mem_limit", "1572864000"),
    "a size without a unit": ("shm_size: 1_000", "shm_size", "1000"),
    "swap without a limit": ("memswap_limit: -1", "memswap_limit", "-1"),
    "cpus": ("cpus: '0.50'", "cpus", 0.5),
    "cpus in single precision": ("cpus: 0.3333333333", "cpus", 0.33333334),
    # Ports, and lists that are sorted as strings.
    "a port": ("ports: ['127.0.0.1:8080:80/udp']", "ports",
               [{"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "8080",
                 "protocol": "udp"}]),
    "a range of ports": ("ports: ['1000-1002:9-11']", "ports", [
        {"mode": "ingress", "target": 10, "published": "1001", "protocol": "tcp"},
        {"mode": "ingress", "target": 11, "published": "1002", "protocol": "tcp"},
        {"mode": "ingress", "target": 9, "published": "1000", "protocol": "tcp"},
    ]),
    "a range to choose from": ("ports: ['8000-8010:80']", "ports",
                               [{"mode": "ingress", "target": 80, "published": "8000-8010",
                                 "protocol": "tcp"}]),
    "a port by its number": ("ports: [80]", "ports",
                             [{"mode": "ingress", "target": 80, "protocol": "tcp"}]),
    # The rest.
    "gpus": ("gpus: all", "gpus", [{"count": -1}]),
    "a reservation": (
        "deploy: {resources: {limits: {cpus: '0.5', memory: 1g}, reservations: {devices: "
        "[{capabilities: [gpu]}]}}, replicas: 2}", "deploy",
        {"resources": {"limits": {"cpus": 0.5, "memory": "1073741824"},
                       "reservations": {"devices": [{"capabilities": ["gpu"], "count": -1}]}},
         "placement": {}, "replicas": 2}),
    "a device": ("devices: ['/dev/a:/dev/b:r', /dev/c]", "devices",
                 [{"source": "/dev/a", "target": "/dev/b", "permissions": "r"},
                  {"source": "/dev/c", "target": "/dev/c", "permissions": "rwm"}]),
    "limits of processes": ("ulimits: {nofile: {soft: 1, hard: '2'}, nproc: 5}", "ulimits",
                            {"nofile": {"soft": 1, "hard": 2}, "nproc": 5}),
    "a duplicate variable": ("environment: [A=1, A=2, B]", "environment", {"A": "2", "B": None}),
    "restarts": ("restart: no", "restart", "no"),
    "truth as a text": ("privileged: 'yes'", "privileged", True),
}  # fmt: skip

# Complete files, the line at fault, and a part of Compose's message.
REFUSED: dict[str, tuple[str, int, str]] = {
    # The schema.
    "an unknown key": (write_service("comand: x"), 4, "comand"),
    "an unknown limit": (write_service("mem_limits: 1g"), 4, "mem_limits"),
    "a scalar for a list": (write_service("ports: 6379"), 4, "ports must be a"),
    "a list for a text": (write_service("restart: [a]"), 4, "restart must be a string"),
    "an unknown key at the top": ("service:\n  a: {image: x}\n", 1, "service"),
    "no capabilities": (
        write_service("deploy:\n  resources:\n    reservations:\n      devices: [{count: 1}]"),
        7,
        "missing property 'capabilities'",
    ),
    "half a limit": (write_service("ulimits:\n  nproc: {hard: 1}"), 5, "ulimits.nproc"),
    "services that are none": ("services: [a]\n", 1, "services must be a mapping"),
    "a service that is none": ("services:\n  a: text\n", 2, "services.a must be a mapping"),
    # Variables and casts.
    "a brace that is open": (write_service("command: ${X"), 4, "invalid interpolation format"),
    "a name with a dot": (write_service("command: ${X.Y}"), 4, "invalid interpolation format"),
    "a required variable": (write_service("command: ${X:?say}"), 4, "missing a value: say"),
    "two signs": (
        write_service("gpus: [{count: '--5'}]"),
        4,
        "invalid value \"--5\", the only value allowed is 'all' or a number",
    ),
    "no number": (write_service("scale: ${X:-many}"), 4, 'parsing "many": invalid syntax'),
    "no truth": (write_service("privileged: maybe"), 4, "invalid boolean: maybe"),
    # Short forms and values.
    "a port that is none": (write_service("ports:\n  - a:b"), 5, "invalid containerPort: b"),
    "an address with a zone": (
        write_service("ports:\n  - '[fe80::1%eth0]:80:80'"),
        5,
        "fe80::1%eth0",
    ),
    "ranges of two lengths": (write_service("ports: ['1-3:1-4']"), 4, "invalid ranges"),
    "an unknown protocol": (write_service("ports: ['80:80/foo']"), 4, "invalid proto: foo"),
    "a port without a target": (write_service("ports: [{published: 1}]"), 4, "missing a target"),
    "an empty source": (write_service("volumes: [':/media']"), 4, "empty section between colons"),
    "a size that is none": (write_service("shm_size: 8gigs"), 4, "invalid suffix: 'gigs'"),
    "a duration that is none": (write_service("stop_grace_period: 5x"), 4, "stop_grace_period"),
    "a quote that is open": (write_service("command: 'a \"b'"), 4, "invalid command line string"),
    # Rules across keys.
    "a number beside IDs": (
        write_service("gpus: [{capabilities: [gpu], count: 1, device_ids: ['0']}]"),
        4,
        '"count" and "device_ids" attributes are exclusive',
    ),
    "neither image nor build": ("services:\n  a:\n    cpus: 1\n", 2, "has neither an image nor"),
    "a network that is not defined": (
        write_service("networks:\n  - n"),
        5,
        "refers to undefined network n",
    ),
    "a volume that is not defined": (write_service("volumes: ['vol:/v']"), 4, "undefined volume"),
    "a secret that is not defined": (write_service("secrets: [s]"), 4, "undefined secret s"),
    "a dependency that is not defined": (write_service("depends_on: [b]"), 4, "undefined service"),
    "a dependency behind a profile": (
        write_service("depends_on: [b]") + "  b: {image: x, profiles: [p]}\n",
        4,
        "depends on undefined service",
    ),
    "a circle of dependencies": (
        write_service("depends_on: [b]") + "  b:\n    image: x\n    depends_on: [a]\n",
        7,
        "dependency cycle detected: a -> b -> a",
    ),
    "one name for two containers": (
        write_service("container_name: same") + "  b: {image: x, container_name: same}\n",
        5,
        'container name "same" is already in use by service',
    ),
    "one name for three containers": (
        write_service("container_name: same\nscale: 3"),
        4,
        "can't set container_name and",
    ),
    "two modes of network": (
        write_service("network_mode: host\nnetworks: [default]"),
        4,
        "mutually exclusive `network_mode` and `networks`",
    ),
    "two numbers of containers": (
        write_service("scale: 2\ndeploy: {replicas: 3}"),
        4,
        "distinct values on 'scale' and 'deploy.replicas'",
    ),
    "two limits of memory": (
        write_service("mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}"),
        4,
        "distinct values on 'mem_limit'",
    ),
    "two mounts in one place": (
        write_service("tmpfs: [/a]\nvolumes: ['./b:/a']"),
        5,
        "target /a already mounted",
    ),
    "a secret from nowhere": (
        write_service("secrets: [s]") + "secrets:\n  s: {}\n",
        6,
        "secrets.s: one of file|environment must be set",
    ),
    "a volume of two owners": (
        write_service("volumes: ['vol:/v']") + "volumes:\n  vol: {external: true, driver: y}\n",
        6,
        'conflicting parameters "external" and "driver"',
    ),
    "a file that is not there": (write_service("env_file: none.env"), 4, "none.env not found"),
    "extends nothing": (write_service("extends: b"), 4, 'service "b" not found'),
    "extends itself": (write_service("extends: a"), 4, "ircular reference"),
    "a name of which nothing is left": ("name: '---'\n" + _HEAD, 1, "name must not be empty"),
}
