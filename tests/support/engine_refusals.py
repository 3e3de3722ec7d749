"""Settings of a service, and the message with which Docker Engine refuses to start it.

The service is `a`; the project also has a service `b`, the networks `plain` and `static`
(172.28.9.0/24), an external secret and config, and secrets from variables.
"""

from textwrap import indent

_ADDRESS = "networks: {static: {ipv4_address: %s}}"

REFUSED: list[tuple[str, str]] = [
    # redis/docker-library-redis 298, oss-aspen/8Knot 779: Redis asks for it in its log.
    ("sysctls: {vm.overcommit_memory: 1}", "is not in a separate kernel namespace"),
    ("privileged: true\nsysctls: [vm.max_map_count=262144]", "separate kernel namespace"),
    ("sysctls: {fs.inotify.max_user_watches: 524288}", "separate kernel namespace"),
    ("sysctls: {kernel.hostname: x}", "conflicts with the OCI"),
    ("network_mode: host\nsysctls: {net.core.somaxconn: 1024}", "in host network namespace"),
    ("ipc: host\nsysctls: {kernel.shmmax: 1000000}", "in the hosts ipc namespace"),
    # Services behind a VPN's container.
    ("network_mode: service:b\nhostname: x", "hostname and the network mode"),
    ("network_mode: service:b\nports: ['18080:80']", "port publishing and the container type"),
    ("network_mode: service:b\nexpose: ['80']", "port exposing and the container type"),
    ("network_mode: service:b\nextra_hosts: ['x:1.2.3.4']", "custom host-to-IP mapping"),
    ("network_mode: service:b\ndns: 1.1.1.1", "dns and the network mode"),
    ("network_mode: service:b\nmac_address: 02:42:ac:11:65:43", "mac-address and the network mode"),
    ("network_mode: service:b\nlinks: [b]", "container type network can't be used with links"),
    ("network_mode: host\nlinks: [b]", "host type networking can't be used with links"),
    ("uts: host\nhostname: x", "hostname and the UTS mode"),
    ("networks: {plain: {ipv4_address: 172.28.9.9}}", "networks with user configured subnets"),
    ("networks: {default: {ipv4_address: 172.28.9.9}}", "networks with user configured subnets"),
    (_ADDRESS % "172.29.9.9", "It does not belong to any of this network's subnets"),
    (_ADDRESS % "172.28.9.1", "Address already in use"),
    (_ADDRESS % "172.28.9.300", "invalid IPv4 address"),
    ("container_name: 'my cache'", "Invalid container name (my cache)"),
    (f"hostname: {'a' * 65}", "sethostname: invalid argument"),
    ("working_dir: app", "it needs to be an absolute path"),
    ("volumes: ['./x:data']", "mount path must be absolute"),
    ("volumes: ['./x:/']", "destination can't be '/'"),
    ("tmpfs: [run]", "mount path must be absolute"),
    ("tmpfs: ['/run:rw,mode']", 'invalid tmpfs option ["mode"]'),
    ("tmpfs: ['/run:sizes=1m']", 'invalid tmpfs option ["sizes" "1m"]'),
    ("tmpfs: ['/run:size=1m,']", 'invalid tmpfs option [""]'),
    ("environment: ['=x']", "invalid environment variable: =x"),
    ("entrypoint: ['sh -c', 'sleep 1']", "executable file not found in $PATH"),
    ("restart: sometimes", "invalid restart policy 'sometimes'"),
    ("restart: always:5", "maximum retry count cannot be used with restart policy 'always'"),
    ("cap_add: [NET_ADMIM]", 'unknown capability: "CAP_NET_ADMIM"'),
    ("logging: {driver: json-file, options: {max-sise: 10m}}", "unknown log opt 'max-sise'"),
    ("logging: {driver: json-file, options: {max-size: 10q}}", "invalid size: '10q'"),
    ("stop_signal: SIGFOO", "Invalid signal: SIGFOO"),
    ("ipc: hots", "Invalid IPC mode: hots"),
    ("security_opt: [unconfined]", 'invalid security-opt: "unconfined"'),
    ("security_opt: ['selinux:disable']", 'invalid --security-opt 2: "selinux:disable"'),
    ("ulimits: {nofiles: 1024}", "OCI runtime create failed"),
    ("extra_hosts: ['db:other']", 'invalid IP address in add-host: "other"'),
    ("mac_address: '02:42:ac:11'", "invalid MAC address"),
    ("networks: {wrong: {}}", "Invalid subnet 172.28.8.0"),
    ("secrets: [elsewhere]", "unsupported external secret elsewhere"),
    ("configs: [elsewhere]", "unsupported external config elsewhere"),
    ("secrets: [unset]", 'environment variable "QCA_TEST_UNSET" required by secret'),
]

ACCEPTED = [
    "secrets: [home]",
    "sysctls: {net.core.somaxconn: 1024}",
    "sysctls: {net/core/somaxconn: 1024}",
    "network_mode: none\nsysctls: {net.core.somaxconn: 1024}",
    "network_mode: service:b\nsysctls: {net.core.somaxconn: 1024}",
    "sysctls: {kernel.shmmax: 1000000, fs.mqueue.msg_max: 100, kernel.domainname: x}",
    "network_mode: host\nhostname: x\nextra_hosts: ['x:1.2.3.4']\ndns: [1.1.1.1]",
    "network_mode: service:b\ndomainname: x.y",
    "network_mode: none\nlinks: [b]",
    _ADDRESS % "172.28.9.9",
    f"hostname: {'a' * 64}",
    "volumes: ['./x:/data:z']\ntmpfs: ['/run:size=1m,uid=1,rw,noexec']",
    "entrypoint: [sh, -c]\ncommand: ['sleep 60; true']",
    "restart: 'on-failure:5'",
    "restart: 'no'",
    "logging: {driver: none}",
    "logging: {driver: local, options: {max-size: 10m, max-file: '3', mode: non-blocking}}",
    "logging: {driver: json-file, options: {labels: x, env: y, tag: z, env-regex: a}}",
    "stop_signal: term",
    "stop_signal: SIGRTMIN+3",
    "stop_signal: '9'",
    "ipc: shareable",
    "security_opt: ['no-new-privileges', 'seccomp:unconfined', 'label:disable']",
    "security_opt: ['systempaths=unconfined', 'no-new-privileges=true']",
    "ulimits: {nofile: 1024, memlock: -1}",
    "extra_hosts: ['h:host-gateway', 'db=::1', 'x:[::1]', 'y:1.2.3.4,1.2.3.5']",
    "extra_hosts: {h: 1.2.3.4}",
    "mac_address: '02-42-ac-11-65-43'",
    "logging: {driver: json-file, options: {max-size: 1.5 MB}}",
    "logging: {options: {any-size: 10m}}",
]


def write_project(image: str, settings: str) -> str:
    """Return a Compose file whose service `a` has these settings."""
    return (
        f"services:\n  a:\n    image: {image}\n{indent(settings, '    ')}\n"
        f"  b: {{image: '{image}', command: [sleep, '60']}}\n"
        "networks:\n  plain: {}\n  static: {ipam: {config: [{subnet: 172.28.9.0/24}]}}\n"
        "  wrong: {ipam: {config: [{subnet: 172.28.8.0}]}}\n  spread: {driver: overlay}\n"
        "secrets: {elsewhere: {external: true}, unset: {environment: QCA_TEST_UNSET}, "
        "home: {environment: HOME}}\nconfigs: {elsewhere: {external: true}}\n"
    )
