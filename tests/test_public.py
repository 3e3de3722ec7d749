"""`import qca`: the public names, which load nothing until they are used."""

import subprocess
import sys

import pytest
import torch

import qca
from tests.support.automata import write_trained_run


def test_every_public_name_exists_and_is_documented():
    assert sorted(qca.__all__) == qca.__all__
    assert qca._MODULES.keys() == set(qca.__all__)
    assert set(qca.__all__) <= set(dir(qca))
    for name in qca.__all__:
        assert (getattr(qca, name).__doc__ or "").strip(), name


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="module 'qca' has no attribute 'trainer'"):
        _ = qca.trainer  # type: ignore[attr-defined]


def test_importing_it_loads_nothing():
    program = "import sys; before = {*sys.modules}; import qca; print(*({*sys.modules} - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] == "qca"}
    assert loaded == {"qca"}
    assert not {*done.stdout.split()} & {"torch", "numpy", "pydantic", "click"}


def test_fields_and_measures_need_no_torch():
    program = (
        "import sys, qca; qca.State, qca.measure, qca.list_fields(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_an_automaton_is_loaded_run_and_measured(tmp_path):
    automaton = qca.load(write_trained_run(tmp_path / "first"), device="cpu")
    states = list(automaton.rollout(steps=3))
    assert qca.measure(states[-1], states[-2])["activity"] > 0
    density = abs(states[2].psi[1]) ** 2
    assert qca.compute_field("density:1", states[2]) == pytest.approx(density)
    assert qca.measure_series(states)["step"] == [0, 1, 2, 3]


def test_a_name_that_needs_torch_says_how_to_install_it():
    program = (
        "import sys, qca\nsys.modules['torch'] = None\n"
        "try:\n    qca.load('first')\nexcept qca.QcaError as error:\n    print(error.message)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "qca.load needs the extra `train`: torch is not installed\n", done.stderr


def test_an_unknown_device_is_refused():
    with pytest.raises(qca.QcaError, match="device 'tpu' is not one of auto, cpu, cuda"):
        qca.load("first", device="tpu")  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported_with_what_to_pass_instead(tmp_path):
    with pytest.raises(qca.QcaError) as refused:
        qca.load(write_trained_run(tmp_path / "first"), device="cuda")
    assert 'in Python device="cpu"' in refused.value.hint


def test_every_choice_can_be_listed_by_name():
    assert qca.list_fields()[:2] == ["density", "phase"]
    assert qca.list_losses()[0] == "evolutionary"
    assert qca.list_initial_states() == ["random", "seed-cell"]
