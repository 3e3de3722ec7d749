"""The recorded hosts and the expected findings for each, without ok and info.

`auto` is `qca doctor` with the defaults; `compose` is with the Compose runtime configured. E, W and
S stand for error, warning and skipped. Hosts without findings here have a test of their own in
`tests/doctor/test_hosts.py`.
"""

from pathlib import Path

HOSTS = Path(__file__).parents[1] / "hosts"


# On hosts recorded without the trainer's packages, QCA501 is an error for a local run.
EVERYTHING = {
    # host: (auto, compose)
    "all-unknown": (None, None),
    "bad-context": ("W101", "E101 S105 S602"),
    "bad-docker-host": ("W101", "E101 S105 S602"),
    # 1 GiB for store and trainer is a borderline case, which depends on the memory model.
    "cgroup-limits": (None, None),
    "cpu-compose-2.26": ("S105 S106 S107", "S105 S106 S107"),
    "cpu-engine": ("S105 S106 S107", "S105 S106 S107"),
    "cpu-no-docker": ("", "E101 E201 S602"),
    "daemon-dead": ("W101 S107", "E101 S105 S107 S602"),
    "daemon-hung": ("W101", "E101 S105 S602"),
    # Its disk and its CPU are those of a VM.
    "docker-desktop-mac": ("S105 S106 S306 S601 S602", "S105 S106 S306 S601 S602"),
    "docker-desktop-wsl2": ("S105 S106 S602", "S105 S106 S602"),
    "gpu-mig": (
        "S105 S106 S107 S406 S408 S409",
        "S105 S106 S107 S406 S408 S409",
    ),  # planned for a slice
    "gpu-no-driver": ("S105 S106 S107 W401", "S105 S106 S107 W401"),
    "gpu-no-permission": ("S105 S106 S107 W401", "S105 S106 S107 W401"),
    "gpu-no-toolkit": ("S105 S106 S107 W401 S408", "S105 S106 S107 W401 S408"),
    "gpu-not-loaded": ("S105 S106 S107 W401", "S105 S106 S107 W401"),
    "gpu-old-driver": ("S105 S106 S107 E403 S406 S408 S409", "S105 S106 S107 E403 S406 S408 S409"),
    "engine-26": ("S105 S106 S107", "S105 S106 S107"),
    # V1 can start containers there but not recreate them; without V2, qca plans a local run.
    "engine-26-v1": ("S106 S107 W201 W202 W204", "S106 S107 E201 W202 W204"),
    "engine-29-old-compose": ("S105 S106 S107 E205", "S105 S106 S107 E205"),
    # The plan may or may not use the GPU; in either case QCA401 is not ok.
    "gpu-toolkit-not-registered": (None, None),
    "gpu-version-mismatch": ("S105 S106 S107 W401", "S105 S106 S107 W401"),
    "gpu-workstation": ("S105 S106 S107 S406 S408 S409", "S105 S106 S107 S406 S408 S409"),
    "h100-no-docker": ("S408 E501", "E101 E201 S401 S408 S602"),
    "h200-no-docker": ("W501", "E101 E201 S401 S602"),
    "no-compose": ("S106 S107 W201", "S106 S107 E201"),
    "no-permission": ("W101 E501", "E101 S105 S602"),
    "podman": ("S105 S106 S107", "S105 S106 S107"),
    "remote-engine": ("S105 S106 S602", "S105 S106 S602"),
    "rootless": ("W102 S105 S106 S107", "W102 S105 S106 S107"),
    "seed-laptop": ("W201 W202 W203 W204 E402 S408", "E201 W202 E203 W204 W401 S408"),
    "seed-laptop-idle": ("W201 W202 W203 W204 S408", "E201 W202 E203 W204 W401 S408"),
    "server-128-threads": ("S105 S106 S107", "S105 S106 S107"),
    "server-8-gpus": ("S105 S106 S107 S406 S408 S409", "S105 S106 S107 S406 S408 S409"),
    "small-host": (
        "S105 S106 S107 E603",
        "S105 S106 S107 E603",
    ),  # 1 GiB is too small for torch and the store
    # AppArmor keeps the stack's containers, which use no-new-privileges, from starting.
    "snap-docker": ("E104 S105 S106 S107", "E104 S105 S106 S107"),
    "v1-broken-requests": ("S106 S107 W201 W202 W203", "S106 S107 E201 W202 E203"),
    "v1-bundle": ("S106 S107 W201 W202 W204 E501", "S106 S107 E201 W202 W204"),
    "v1-works": ("S106 S107 W201 W202", "S106 S107 E201 W202"),
    # Hosts on which containers can or cannot use a GPU, one per state.
    "gpu-ready": ("", ""),
    "gpu-not-restarted": ("W401", "W401"),
    "gpu-stale-cdi": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-cdi-missing-device": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-cdi-without-hook": ("S106 S107 W401 W409", "S106 S107 W401 W409"),
    "gpu-lost-on-reload": ("S106 S107 W406", "S106 S107 W406"),
    "gpu-rootless": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-rootless-no-cgroups": ("S106 S107", "S106 S107"),
    "gpu-no-cgroups": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-wsl2-native": ("S106 S107", "S106 S107"),
    "gpu-wsl2-cdi": ("S106 S107 E401", "S106 S107 E401"),
    "gpu-wsl2-no-driver": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-desktop-on-linux": ("S106 W401", "S106 W401"),
    "gpu-nouveau": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-unsigned-module": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-secure-boot-unknown": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-no-module": ("S106 S107 W401", "S106 S107 W401"),
    "gpu-sick": ("S106 S107 S408", "S106 S107 S408"),
    "amd-cdi": ("S106 S107", "S106 S107"),
    # Engines and Compose at both ends of the supported API versions.
    "engine-29-compose-2.40": ("S106 S107", "S106 S107"),
    "engine-29-compose-5.6": ("S106 S107", "S106 S107"),
    "engine-29.3-old-compose": ("S106 S107", "S106 S107"),
    "engine-29-old-client": ("S106 S107 E205", "S106 S107 E205"),
}
