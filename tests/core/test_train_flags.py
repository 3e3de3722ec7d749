"""A configuration survives the round trip through the flags of `qca train`."""

from dataclasses import asdict, fields
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from qca.cli.options import read_config
from qca.cli.train import train
from qca.core.config import PROFILES, TrainConfig, apply_profile
from qca.core.train_flags import format_train_command, format_train_flags

COUNTS = st.integers(1, 2**63 - 1)
VALUES = {
    "run": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True),
    "profile": st.sampled_from(["auto", *PROFILES]),
    "device": st.sampled_from(["auto", "cpu", "cuda"]),
    "seed": st.integers(0, 2**63 - 1),
    "grid": st.integers(1, 1024).map(lambda n: 4 * n),
    "d_state": st.integers(1, 1024),
    "hidden_channels": st.integers(1, 4096),
    "steps": st.integers(1, 1_000_000),
    "update": st.sampled_from(["cartesian", "unitary"]),
    "gamma": st.floats(0, 1),
    "episodes": COUNTS,
    "batch_size": COUNTS,
    "loss": st.sampled_from(["evolutionary", "mse_energy", "structure"]),
    "max_noise": st.floats(0, 1),
    "learning_rate": st.floats(0, 1, exclude_min=True),
    "weight_decay": st.floats(0, 1),
    "precision": st.sampled_from(["auto", "fp32", "tf32", "bf16", "fp16"]),
    "recompute": st.sampled_from(["auto", "none", "step", "two-level", "host"]),
    "segment": st.one_of(st.just("auto"), COUNTS),
    "tapes": st.one_of(st.just("auto"), st.integers(0, 2**63 - 1)),
    "optimizer_state": st.sampled_from(["auto", "device", "host"]),
    "checkpoint_every": COUNTS,
    "keep_checkpoints": COUNTS,
}
CONFIGS = st.fixed_dictionaries({}, optional=VALUES).map(lambda values: TrainConfig(**values))


def test_the_test_covers_every_key_except_the_budget():
    assert {*VALUES, "budget"} == {field.name for field in fields(TrainConfig)}


@given(CONFIGS)
def test_the_command_parses_the_flags_back_to_the_configuration(config):
    options = train.make_context("train", format_train_flags(config)).params
    read = read_config(None, options).train
    assert (read if config.profile == "auto" else apply_profile(read, config.profile)) == config


def test_defaults_are_omitted_except_for_the_main_keys():
    assert format_train_flags(TrainConfig()) == ["--run=first", "--device=auto", "--recompute=auto"]


def test_a_default_that_the_profile_would_replace_is_written():
    assert "--grid=64" in format_train_flags(apply_profile(TrainConfig(grid=64), "cpu"))


def test_a_default_that_the_user_set_is_written_because_a_resumed_run_may_have_another_value():
    flags = format_train_flags(TrainConfig(learning_rate=TrainConfig().learning_rate))
    assert "--learning-rate=0.0001" in flags


def test_a_run_resumed_as_it_is_has_the_flags_with_which_it_was_started():
    """Otherwise Compose would replace the container of a trainer that is running."""
    started = apply_profile(TrainConfig(episodes=9, learning_rate=1e-3), "cpu")
    kept = {key: value for key, value in asdict(started).items() if value not in ("auto", None)}
    assert format_train_flags(TrainConfig().keep(**kept)) == format_train_flags(started)


def test_the_budget_is_omitted():
    assert not any("budget" in flag for flag in format_train_flags(TrainConfig(budget=2**30)))


def test_a_command_has_only_the_options_that_are_set():
    config = TrainConfig(run="second")
    flags = format_train_flags(config)

    assert format_train_command(config, runs="/runs", resume=True, store="redis://store") == [
        *("train", *flags, "--resume", "--runs=/runs", "--progress=json", "--store=redis://store")
    ]
    assert format_train_command(config, runs=Path("r"), progress="auto", init=Path("w.pt")) == [
        *("train", *flags, "--runs=r", "--progress=auto", "--init=w.pt")
    ]
