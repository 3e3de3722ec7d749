import json
from importlib.resources import files

import pytest
from jsonschema import Draft7Validator

from infra.stack.compose_document import build_compose_document
from infra.stack.plan import plan_stack
from infra.stack.run_storage import RunStorage
from qca.core.config import Config, StackConfig
from qca.core.units import GIB
from tests.support.hosts import CDI_ENGINE, PLUGIN, bare_host, driver, engine, gpu, gpus_with_free

SCHEMA = json.loads((files("infra") / "data" / "compose-spec.json").read_text())

GPU_HOST = bare_host(
    gpu=driver(gpu(memory_total=24 * GIB, memory_free=23 * GIB), toolkit=None),
    docker=CDI_ENGINE,
    compose=PLUGIN,
)
SEVERAL = bare_host(
    gpu=driver(*gpus_with_free(20 * GIB, 10 * GIB), toolkit=None),
    docker=CDI_ENGINE,
    compose=PLUGIN,
)
PLANS = {
    "cpu": plan_stack(bare_host(docker=engine(cpus=16), compose=PLUGIN), Config()),
    "gpu": plan_stack(GPU_HOST, Config()),
    "published": plan_stack(bare_host(), Config(stack=StackConfig(store_port=6379))),
    "several gpus": plan_stack(SEVERAL, Config(stack=StackConfig(gpus="all"))),
    "two machines": plan_stack(
        SEVERAL, Config(stack=StackConfig(gpus=2, nnodes=2, rdzv_endpoint="one:29400"))
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_document_is_valid_by_the_compose_specification(name):
    errors = list(
        Draft7Validator(SCHEMA).iter_errors(build_compose_document(PLANS[name], RunStorage()))
    )
    assert errors == []


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("key", ["version", "name"])
def test_no_top_level_key_is_rejected_or_warned_about(name, key):
    assert key not in build_compose_document(PLANS[name], RunStorage())


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("service", ["store", "trainer"])
def test_every_service_is_hardened(name, service):
    found = build_compose_document(PLANS[name], RunStorage())["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["user"].startswith("${QCA_UID:?")
    assert found["pids_limit"] > 0
    assert found["logging"]["options"]["max-size"]
    assert "gpus" not in found


def test_dragonfly_always_gets_threads_and_memory():
    command = build_compose_document(PLANS["cpu"], RunStorage())["services"]["store"]["command"]
    assert "--proactor_threads=4" in command
    assert "--maxmemory=1G" in command


def test_no_service_shows_the_password():
    text = json.dumps(build_compose_document(PLANS["cpu"], RunStorage()))
    assert "--requirepass=" not in text.replace("s/^--requirepass=//p", "")
    assert "DFLY_" not in text


def test_the_store_is_published_only_on_request():
    assert "ports" not in build_compose_document(PLANS["cpu"], RunStorage())["services"]["store"]
    published = build_compose_document(PLANS["published"], RunStorage())["services"]["store"]
    assert published["ports"] == ["127.0.0.1:6379:6379"]


def test_only_a_cuda_trainer_reserves_a_gpu():
    assert "deploy" not in build_compose_document(PLANS["cpu"], RunStorage())["services"]["trainer"]
    deploy = build_compose_document(PLANS["gpu"], RunStorage())["services"]["trainer"]["deploy"]
    assert deploy["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    ]


@pytest.mark.parametrize(
    ("image", "first_word", "check"),
    [
        ("docker.dragonflydb.io/dragonflydb/dragonfly:v1.40.0", "dragonfly", "CMD-SHELL"),
        ("ghcr.io/dragonflydb/dragonfly:v1.40.0-distroless", "--logtostderr", "CMD"),
        ("ghcr.io/dragonflydb/dragonfly:v1.40.0-distroless@sha256:abc", "--logtostderr", "CMD"),
        ("distroless.example.com:5000/dragonfly:v1.40.0", "dragonfly", "CMD-SHELL"),
        ("distroless/dragonfly", "dragonfly", "CMD-SHELL"),
    ],
)
def test_an_image_without_a_shell_is_started_and_checked_without_one(image, first_word, check):
    plan = plan_stack(bare_host(), Config(stack=StackConfig(store_image=image)))
    store = build_compose_document(plan, RunStorage())["services"]["store"]
    assert store["command"][0] == first_word
    assert store["healthcheck"]["test"][0] == check


def test_several_gpus_are_reserved_and_get_a_process_each():
    trainer = build_compose_document(PLANS["several gpus"], RunStorage())["services"]["trainer"]
    (device,) = trainer["deploy"]["resources"]["reservations"]["devices"]
    assert device["count"] == 2
    assert "--processes=2" in trainer["command"]
    assert trainer["shm_size"] == "1g"


def test_one_gpu_needs_no_launcher():
    trainer = build_compose_document(PLANS["gpu"], RunStorage())["services"]["trainer"]
    assert not [word for word in trainer["command"] if word.startswith("--processes")]
    assert "shm_size" not in trainer


def test_trainers_of_two_machines_reach_each_other_and_their_own_store():
    services = build_compose_document(PLANS["two machines"], RunStorage())["services"]
    trainer = services["trainer"]
    assert trainer["network_mode"] == "host"
    assert "networks" not in trainer
    assert trainer["command"][-3:] == ["--processes=2", "--nnodes=2", "--rdzv-endpoint=one:29400"]
    assert "--store=redis://127.0.0.1:6379" in trainer["command"]
    assert services["store"]["ports"] == ["127.0.0.1:6379:6379"]


@pytest.mark.parametrize(("name", "expected"), [("cpu", False), ("gpu", True)])
def test_only_a_gpu_trainer_can_load_kernels_from_its_scratch_folder(name, expected):
    trainer = build_compose_document(PLANS[name], RunStorage())["services"]["trainer"]

    (scratch,) = trainer["tmpfs"]
    assert ("exec" in scratch.partition(":")[2].split(",")) is expected
    assert trainer["environment"]["HOME"] == scratch.partition(":")[0]
