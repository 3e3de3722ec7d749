"""Compose files are read with their line numbers; invalid files are refused with theirs."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.compose_file.default_files import find_default_file
from infra.compose_file.devices import DeviceRequest
from infra.compose_file.load import read_compose_file, read_compose_files
from infra.dragonfly.service import is_dragonfly, read_dragonfly
from qca.core.errors import InputError
from tests.support.hosts import compose_file

IMAGE = "    image: docker.dragonflydb.io/dragonflydb/dragonfly:v1.30.0\n"
HEAD = f"services:\n  cache:\n{IMAGE}"


def _dragonfly(folder: Path, rest: str, **environment: str):
    file = compose_file(folder, HEAD + rest, **environment)
    (service,) = file.services
    return read_dragonfly(file, service)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("    command: dragonfly --maxmemory=2G --proactor_threads=16\n", 4),
        ("    command: --maxmemory 2G --proactor_threads 16\n", 4),
        ("    command: /usr/local/bin/dragonfly -maxmemory=2G -proactor_threads=16\n", 4),
        ("    command: >\n      dragonfly\n      --maxmemory=2G\n      --proactor_threads=16\n", 7),
        ("    command: >-\n      --maxmemory 2G\n      --proactor_threads 16\n", 6),
        ("    command: |\n      dragonfly\n      --maxmemory=2G --proactor_threads=16\n", 6),
        ("    command: [dragonfly, --maxmemory=2G, --proactor_threads=16]\n", 4),
        (
            "    command:\n      - dragonfly\n      - --maxmemory\n      - 2G\n"
            "      - --proactor_threads\n      - '16'\n",
            9,
        ),
        ('    command: ["--cache_mode", "--maxmemory=2G", "--proactor_threads=16"]\n', 4),
        ("    command: --logtostderr --cache_mode=true --maxmemory=2G --proactor_threads=16\n", 4),
        ("    entrypoint: [dragonfly]\n    command: --maxmemory=2G --proactor_threads=16\n", 5),
        ("    environment:\n      DFLY_maxmemory: 2G\n      DFLY_proactor_threads: 16\n", 6),
        ("    environment:\n      - DFLY_maxmemory=2G\n      - DFLY_proactor_threads=16\n", 6),
    ],
)
def test_a_command_in_every_form(tmp_path, command, line):
    flags = _dragonfly(tmp_path, command).flags

    assert flags["maxmemory"].value == "2G"
    assert flags["proactor_threads"].value == "16"
    assert flags["proactor_threads"].line == line


def test_the_command_line_overrides_the_environment(tmp_path):
    rest = "    environment: {DFLY_maxmemory: 1G}\n    command: --maxmemory=2G\n"

    assert _dragonfly(tmp_path, rest).flags["maxmemory"].value == "2G"


def test_variables_come_from_the_environment_then_dotenv_then_the_default(tmp_path):
    rest = "    command: --maxmemory=${DRAGONFLY_MAXMEMORY:-1250mb}\n"

    assert _dragonfly(tmp_path, rest).flags["maxmemory"].value == "1250mb"
    (tmp_path / ".env").write_text("DRAGONFLY_MAXMEMORY=3G\n")
    assert _dragonfly(tmp_path, rest).flags["maxmemory"].value == "3G"
    given = _dragonfly(tmp_path, rest, DRAGONFLY_MAXMEMORY="4G")
    assert given.flags["maxmemory"].value == "4G"


def test_a_name_without_a_value_passes_the_hosts_variable(tmp_path):
    rest = "    environment:\n      - DFLY_maxmemory\n"

    assert _dragonfly(tmp_path, rest, DFLY_maxmemory="2G").flags["maxmemory"].value == "2G"
    assert "maxmemory" not in _dragonfly(tmp_path, rest).flags


@pytest.mark.parametrize(
    ("image", "command", "expected"),
    [
        ("docker.dragonflydb.io/dragonflydb/dragonfly", None, True),
        ("ghcr.io/dragonflydb/dragonfly:v1.30.0", None, True),
        ("ghcr.io/dragonflydb/dragonfly-weekly:x", None, True),
        ("mirror:5000/tools/dragonfly:latest", None, True),
        ("dragonflydb/operator", None, False),
        (
            "dragonflyoss/scheduler",
            None,
            False,
        ),  # another program named Dragonfly, which distributes images
        ("redis:7", None, False),
        ("mine", "dragonfly --maxmemory=1G", True),
    ],
)
def test_dragonfly_is_recognized_by_its_image_or_command(tmp_path, image, command, expected):
    text = f"services:\n  redis:\n    image: {image}\n"
    text += f"    command: {command}\n" if command else ""

    (service,) = compose_file(tmp_path, text).services

    assert is_dragonfly(service) is expected


def test_anchors_and_merge_keys(tmp_path):
    text = (
        "x-base: &base\n"
        "  image: dragonflydb/dragonfly\n"
        "  command: --maxmemory=2G\n"
        "services:\n"
        "  one:\n"
        "    <<: *base\n"
        "    mem_limit: 3g\n"
        "  two: *base\n"
    )

    file = compose_file(tmp_path, text)
    one, two = file.services

    assert read_dragonfly(file, one).flags["maxmemory"].value == "2G"
    assert read_dragonfly(file, two).flags["maxmemory"].value == "2G"
    assert one.memory_limit
    assert (one.memory_limit.value, one.memory_limit.line) == ("3g", 7)


@pytest.mark.parametrize(
    "limits",
    [
        "    mem_limit: 2g\n    cpus: 1.5\n    cpuset: 0-3,8\n",
        "    deploy:\n      resources:\n        limits:\n          memory: 2g\n"
        "          cpus: '1.5'\n    cpuset: 0-3,8\n",
    ],
)
def test_limits_are_read_from_both_keys(tmp_path, limits):
    service = _dragonfly(tmp_path, limits).service

    texts = (service.memory_limit, service.cpus, service.cpuset)
    assert [text.value if text else None for text in texts] == ["2g", "1.5", "0-3,8"]


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ("gpus: all", {"gpus": [DeviceRequest("", ("gpu",), "all")]}),
        ("gpus: [{count: 2}]", {"gpus": [DeviceRequest("", ("gpu",), "2")]}),
        ("gpus: []", {}),
        ("runtime: nvidia", {}),
        (
            "deploy: {resources: {reservations: {devices: [{driver: nvidia, count: -1,"
            " capabilities: [gpu]}, {device_ids: ['0'], capabilities: [utility]}]}}}",
            {
                "deploy.resources.reservations.devices": [
                    DeviceRequest("nvidia", ("gpu",), "all"),
                    DeviceRequest("", ("utility",), "", ("0",)),
                ]
            },
        ),
    ],
)
def test_devices_are_requested_under_two_keys(tmp_path, keys, asked):
    service = _dragonfly(tmp_path, f"    {keys}\n").service

    assert {key: list(devices.requests) for key, devices in service.devices.items()} == asked


def test_a_range_of_ports_is_one_entry(tmp_path):
    rest = "    ports: ['127.0.0.1:8000-8002:1-3', '1-65535:1-65535/udp', '9000-9010:80']\n"

    ports = _dragonfly(tmp_path, rest).service.ports

    assert [(str(one), one.protocol, one.is_choice) for one in ports] == [
        ("127.0.0.1:8000-8002", "tcp", False),
        ("1-65535", "udp", False),
        ("9000-9010", "tcp", True),
    ]


def test_booleans_are_passed_as_by_compose(tmp_path):
    service = _dragonfly(tmp_path, "    environment: {DFLY_cache_mode: True}\n").service

    assert service.environment["DFLY_cache_mode"].value == "true"


def test_published_ports(tmp_path):
    rest = (
        "    ports:\n      - '6379:6379'\n      - 127.0.0.1:6380:6379/tcp\n      - '6379'\n"
        "      - target: 6379\n        published: 6381\n"
    )

    ports = _dragonfly(tmp_path, rest).service.ports

    assert [(str(port), port.line) for port in ports] == [
        ("6379", 5),
        ("127.0.0.1:6380", 6),
        ("6381", 8),
    ]


def test_files_outside_the_folder_are_listed_and_not_followed(tmp_path):
    (tmp_path / "other.yml").write_text("services: {secret: {image: x}}\n")
    (tmp_path / "here").mkdir()
    text = (
        "include: [../other.yml, 'https://example.org/compose.yml']\n"
        + HEAD
        + "    extends: {file: ../other.yml, service: secret}\n    env_file: [/etc/passwd]\n"
    )

    file = compose_file(tmp_path / "here", text)

    assert {(unread.what, unread.line) for unread in file.unread} == {
        ("`include`", 1),
        ("`extends` of service cache", 5),
        ("`env_file` of service cache", 6),
    }
    assert all(unread.outside for unread in file.unread)
    assert [service.name for service in file.services] == ["cache"]


@pytest.mark.parametrize(
    "extension",
    [
        "x-env-file-values: {LEAK: '1'}",
        "x-unread-env-file: true",
        "x-unread-extends: true",
        "x-uncertain-extends: true",
    ],
)
def test_extensions_mean_nothing(tmp_path, extension):
    file = compose_file(tmp_path, f"services:\n  a:\n    init: true\n    {extension}\n")

    (service,) = file.services
    assert (service.environment, service.unread_sources) == ({}, ())
    assert "neither an image nor a build context" in file.refusals[0].message


EXTENDS = "services: {a: {extends: {file: ../none.yml, service: b}}}\n"


@pytest.mark.parametrize(
    "texts",
    [
        (EXTENDS, "services: {a: {init: true}}\n"),
        ("services: {a: {init: true}}\n", EXTENDS),
        (EXTENDS, "services: {b: {image: y}}\n"),
    ],
)
def test_a_service_stays_partly_unread_when_files_are_merged(tmp_path, texts):
    paths = [tmp_path / "a.yml", tmp_path / "b.yml"]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)

    service, *_ = read_compose_files(paths, {}).services

    assert service.unread_sources == ("extends",)


def test_an_override_file_in_the_folder_is_found(tmp_path):
    (tmp_path / "docker-compose.override.yml").write_text("services: {}\n")

    assert compose_file(tmp_path, HEAD).override == "docker-compose.override.yml"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("services:\n  a: [1, 2\n", ":2"),
        ("services:\n  a:\n    image: x\n   b: 1\n", ":4"),
        ("services: {}\nservices: {}\n", ":2"),
        ("just words\n", ":1"),
        ("- a\n- b\n", ":1"),
        ("", ":1"),
        ("services: {1: {image: x}}\n", ":1"),
        ("services:\n\ta: {image: x}\n", ":2"),
        ("services:\n  a:\n    ports:\n    -\t'1:1'\n", ":4"),
        ("services:\n  ? [a, [b]]\n  : {image: x}\n", ":2"),
        ("services:\n  a: {image: x, image: y}\n", ":2"),
    ],
)
def test_yaml_that_compose_rejects_is_an_error_with_its_line(tmp_path, text, place):
    with pytest.raises(InputError) as error:
        compose_file(tmp_path, text)

    assert f"docker-compose.yml{place}" in error.value.message
    assert "\n" not in error.value.message


def test_tabs_after_a_key_and_at_the_end_of_a_line_are_accepted(tmp_path):
    """Compose accepts tabs that separate values and do not indent."""
    text = "services:\t# all\n  a:\t\n    image:\tx\t\n    command: >\n      --hz=1\t--dir=x\n"

    (service,) = compose_file(tmp_path, text).services

    assert service.image
    assert (service.image.value, service.image.line) == ("x", 3)
    assert [word.value for word in service.arguments] == ["--hz=1", "--dir=x"]


def test_the_project_name_is_that_of_compose(tmp_path):
    file = compose_file(tmp_path, "services: {a: {image: '${COMPOSE_PROJECT_NAME}/x'}}\n")

    assert file.unset == ()
    (service,) = file.services
    assert service.image
    assert service.image.value != "/x"


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf", b"A=caf\xe9\n"])
def test_an_env_file_with_a_byte_order_mark_or_in_another_encoding(tmp_path, head):
    for name in (".env", "x.env"):
        (tmp_path / name).write_bytes(head + b"M=1g\r\n")

    file = compose_file(tmp_path, "services: {a: {image: x, mem_limit: $M, env_file: x.env}}\n")

    assert file.unset == ()
    (service,) = file.services
    assert service.memory_limit
    assert service.memory_limit.value == "1g"
    assert service.environment["M"].value == "1g"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_compose_file(tmp_path / "none.yml", {})
    with pytest.raises(InputError, match="a folder"):
        read_compose_file(tmp_path, {})
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_compose_file(tmp_path / "binary.yml", {})
    (tmp_path / "huge.yml").write_text("#" * (2**22 + 1))
    with pytest.raises(InputError, match="4 MiB"):
        read_compose_file(tmp_path / "huge.yml", {})


def test_an_alias_bomb_is_refused_quickly(tmp_path):
    """Not even Compose is asked, as it would expand all aliases."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 30):
        levels.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    text = "\n".join([*levels, "services:", "  a:", "    image: x", "    command: *a29", ""])

    with pytest.raises(InputError, match="aliases expand to more than 400000 values"):
        compose_file(tmp_path, text)


def test_long_and_cyclic_aliases_end(tmp_path):
    chain = [f"a{n}: &a{n} [{f'*a{n - 1}' if n else 'x'}]" for n in range(3000)]
    for text in ["\n".join([*chain, "services: {a: {image: x}}"]), "services: &a {a: *a}"]:
        with contextlib.suppress(InputError):
            compose_file(tmp_path, text)


def test_deep_nesting_is_refused(tmp_path):
    with pytest.raises(InputError, match="nested more than 100 levels deep"):
        compose_file(tmp_path, "services: " + "[" * 200 + "]" * 200)
    with pytest.raises(InputError, match="nesting"):
        compose_file(tmp_path, "services: " + "[" * 100_000)


def test_a_long_chain_of_extends_is_not_followed_to_its_end(tmp_path):
    chain = [f"  a{n}: {{extends: a{n + 1}}}\n" for n in range(1500)]
    file = compose_file(tmp_path, f"services:\n{''.join(chain)}  a1500: {{image: x}}\n")

    services = {service.name: service for service in file.services}

    assert services["a0"].unread_sources == ("extends",)
    assert services["a1450"].image
    assert "more than 100 services" in file.unread[0].why


def test_the_default_file_is_the_one_that_compose_finds(tmp_path):
    assert find_default_file(tmp_path) is None
    (tmp_path / "docker-compose.yml").touch()
    assert find_default_file(tmp_path) == tmp_path / "docker-compose.yml"
    (tmp_path / "compose.yaml").touch()
    assert find_default_file(tmp_path) == tmp_path / "compose.yaml"


_yaml = st.text(alphabet="abc:-?&*!|>{}[]#'\"%@`$\n \t<", max_size=60)


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(text=_yaml, under=st.sampled_from(["", "services:\n  a:\n    ", HEAD + "    command: "]))
def test_any_text_is_read_or_refused(tmp_path, text, under):
    with contextlib.suppress(InputError):
        compose_file(tmp_path, under + text)
