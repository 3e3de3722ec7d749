import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from infra.stack.plan import plan_stack
from infra.stack.render_compose import render_compose
from infra.stack.run_storage import RunStorage
from qca.core.config import PROFILES, Config, StackConfig, TrainConfig, apply_profile
from qca.core.config_loader import load_config
from qca.core.errors import InputError
from qca.core.units import GIB
from tests.support.hosts import NOTHING_KNOWN

NO_ENVIRONMENT: dict[str, str] = {}


def load(text=None, tmp_path=None, environment=NO_ENVIRONMENT, **tables):
    file = None
    if tmp_path is not None:
        file = tmp_path / "qca.toml"
        file.write_text(text or "")
    return load_config(file, environment=environment, flags=tables)


def test_by_default_every_key_has_its_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load() == Config()


def test_a_flag_overrides_the_environment_which_overrides_the_file(tmp_path):
    text = "[train]\ngrid = 8\nsteps = 8\nepisodes = 8\n"
    environment = {"QCA_TRAIN_STEPS": "16", "QCA_TRAIN_EPISODES": "16"}
    train = load(text, tmp_path, environment, train={"episodes": "32"}).train
    assert (train.grid, train.steps, train.episodes) == (8, 16, 32)


def test_a_flag_that_was_not_given_changes_nothing(tmp_path):
    assert load("[train]\ngrid = 8\n", tmp_path, train={"grid": None}).train.grid == 8


def test_sizes_are_parsed_in_every_source(tmp_path):
    assert load('[stack]\nmaxmemory = "2GiB"\n', tmp_path).stack.maxmemory == 2 * GIB
    assert load("", tmp_path, {"QCA_STACK_MAXMEMORY": "2g"}).stack.maxmemory == 2 * GIB
    assert load("", tmp_path, stack={"maxmemory": "2048m"}).stack.maxmemory == 2 * GIB


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("[train]\ngrid = \n", r"qca\.toml:2: .*Invalid value", id="not TOML"),
        pytest.param("[train]\ngrid = 'x", r"qca\.toml:2: .*end of document", id="cut off"),
        pytest.param("[train]\n\ngird = 64\n", r"qca\.toml:3: train\.gird: unknown key", id="key"),
        pytest.param("[trian]\ngrid = 64\n", r"qca\.toml:1: .*'trian'", id="table"),
        pytest.param("grid = 64\n", r"qca\.toml:1: .*outside a table", id="no table"),
        pytest.param(
            '[train]\nrun = "My Run"\n', r"train\.run: must be 1 to 63 lowercase letters", id="name"
        ),
        pytest.param("[train]\ngrid = 63\n", r"qca\.toml:2: train\.grid: .*multiple of 4", id="63"),
        pytest.param(
            "[train]\nbudget = 3.68\n",
            r"qca\.toml:2: train\.budget: .*Did you mean 3\.68GiB\?",
            id="no unit",
        ),
        pytest.param(
            "[stack]\nmaxmemory = 2048\n",
            r"stack\.maxmemory: .*means 2 KiB\. Did you mean 2048MiB\?",
            id="thousands without a unit",
        ),
        pytest.param(
            '[stack]\nmaxmemory = "4 Gigs"\n',
            r"qca\.toml:2: stack\.maxmemory: '4 Gigs' is not a size",
            id="4 Gigs",
        ),
        pytest.param(
            "[stack]\nproject = 'My Project'\n", r"qca\.toml:2: stack\.project", id="project name"
        ),
        pytest.param(
            "[stack]\nruntime = 'auto'\n[train]\nruntime = 1\n",
            r"qca\.toml:4: train\.runtime",
            id="the same key in another table",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_file_line_and_key(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint) as refused:
        load(text, tmp_path)
    assert refused.value.hint


def test_every_fault_is_listed_with_its_source_in_the_order_of_the_file(tmp_path):
    text = "[train]\nsteps = 0\ngird = 8\n[stack]\nruntime = 'podman'\nshape = 1\n"
    environment = {"QCA_TRAIN_GRID": "7"}
    with pytest.raises(InputError) as refused:
        load(text, tmp_path, environment, stack={"store_port": "70000"})
    flag, variable, *lines = refused.value.message.splitlines()
    assert flag.startswith("--store-port: ")
    assert variable.startswith("QCA_TRAIN_GRID: ")
    assert [line.removeprefix(f"{tmp_path}/").partition(" (")[0] for line in lines] == [
        "qca.toml:2: train.steps: Input should be greater than or equal to 1",
        "qca.toml:3: train.gird: unknown key; did you mean grid?",
        "qca.toml:5: stack.runtime: Input should be 'auto', 'compose' or 'local'",
        "qca.toml:6: stack.shape: unknown key",
    ]


def test_a_wrong_variable_is_refused_by_its_name(tmp_path):
    with pytest.raises(InputError, match=r"^QCA_TRAIN_GRID: "):
        load("", tmp_path, {"QCA_TRAIN_GRID": "many"})


def test_a_wrong_flag_is_refused_by_its_name(tmp_path):
    with pytest.raises(InputError, match=r"^--store-port: "):
        load("", tmp_path, stack={"store_port": "70000"})


def test_a_given_file_must_exist(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_config(tmp_path / "other.toml", environment={})


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "qca.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        load_config(tmp_path / "qca.toml", environment={})


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_keeps_the_values_that_the_user_set(profile):
    given = TrainConfig(steps=7, batch_size=3, recompute="none")
    train = apply_profile(given, profile)
    assert (train.steps, train.batch_size, train.recompute) == (7, 3, "none")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_gives_a_valid_configuration(profile):
    train = apply_profile(TrainConfig(), profile)
    assert TrainConfig(**asdict(train)) == train


@pytest.mark.parametrize("model", [StackConfig, TrainConfig])
def test_the_documentation_lists_every_key_with_its_default(model):
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    for key in fields(model):
        default = "" if key.default is None else f"`{key.default}` "
        row = rf"^\| `{key.name}` \| {re.escape(default)}\| "
        assert re.search(row, page, re.MULTILINE), key.name


def test_several_machines_need_a_rendezvous(tmp_path):
    with pytest.raises(InputError, match="nnodes is 2, but rdzv_endpoint is not set"):
        load_config(flags={"stack": {"nnodes": "2"}}, environment={})
    together = {"nnodes": "2", "rdzv_endpoint": "one.example:29400", "gpus": "all"}
    found = load_config(flags={"stack": together}, environment={}).stack
    assert (found.nnodes, found.rdzv_endpoint, found.gpus) == (2, "one.example:29400", "all")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rdzv_endpoint", "host"),
        ("gpus", "0"),
        ("gpus", "many"),
        ("nnodes", "0"),
        ("proactor_threads", "1024"),  # Dragonfly aborts
    ],
)
def test_an_invalid_number_or_endpoint_is_refused_by_its_flag(key, value):
    with pytest.raises(InputError, match=f"--{key.replace('_', '-')}: "):
        load_config(flags={"stack": {key: value}}, environment={})


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("QCA_TRAIN_GIRD", "Did you mean QCA_TRAIN_GRID?"),
        ("QCA_EPISODES", "Did you mean QCA_TRAIN_EPISODES?"),
        ("QCA_X", "docs/configuration.md"),
    ],
)
def test_an_unknown_variable_is_refused_with_a_suggestion(variable, hint):
    with pytest.raises(InputError, match=f"^{variable}: unknown") as refused:
        load_config(environment={variable: "8", "PATH": "/bin"})
    assert hint in refused.value.hint


def test_the_variables_of_the_rendered_compose_files_are_accepted():
    text = render_compose(plan_stack(NOTHING_KNOWN, Config()), RunStorage())
    variables = set(re.findall(r"\$\{(QCA_\w+)", text))
    assert "QCA_UID" in variables
    load_config(environment=dict.fromkeys(variables, "1000"))
