"""The first commands of a new user: a configuration file, and the shell's completion."""

import re
import shutil
import subprocess

import pytest

from qca.core.config import Config
from qca.core.config_loader import load_config
from tests.support.program import QCA, Program, environment


def test_init_writes_a_file_that_changes_nothing(qca):
    done = qca("init")
    assert "Next: qca plan, then qca up" in done.stderr
    assert load_config(qca.folder / "qca.toml", environment={}) == Config()


def test_every_line_of_it_is_valid_when_uncommented(qca):
    qca("init", "-o", "mine.toml")
    file = qca.folder / "mine.toml"
    file.write_text(re.sub(r"^#(\w+ = )", r"\1", file.read_text(), flags=re.M))
    config = load_config(file, environment={})
    assert {"runtime", "maxmemory", "store_port"} <= config.stack.given
    assert {"run", "profile", "episodes", "budget", "learning_rate"} <= config.train.given


def test_init_does_not_overwrite_a_file(qca):
    (qca.folder / "qca.toml").write_text("[train]\ngrid = 8\n")
    done = qca("init", check=2)
    assert "qca.toml: the file already exists" in done.stderr
    assert (qca.folder / "qca.toml").read_text() == "[train]\ngrid = 8\n"


def test_init_on_a_full_disk_leaves_nothing(qca):
    (qca.folder / "full").mkdir()
    mount = 'mount -t tmpfs -o size=4k none full && head -c 4096 /dev/zero >full/other; "$@"'
    listed = "ls -A full | grep -v other >listed; exit $0"
    script = f"{mount}; status=$?; {listed.replace('$0', '$status')}"
    before = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh"]
    done = Program(qca.folder, qca.variables, before)("init", "-o", "full/qca.toml", check=1)
    assert "No space left on device" in done.stderr
    assert (qca.folder / "listed").read_text() == ""


@pytest.mark.parametrize("words", ["status", "logs", "attach"])
def test_without_a_launch_commands_say_where_the_runs_are(qca, words):
    done = qca(words, check=1)
    assert "nothing was launched from this folder, or it has been taken down" in done.stderr
    assert "`qca runs` lists the runs that are kept" in done.stderr


def test_plan_names_the_command_that_launches_it(qca):
    (qca.folder / "my.toml").write_text("")
    words = ("--config", "my.toml", "--run", "b", "--runtime", "local")
    assert "Next: qca up --config=my.toml --run=b --runtime=local" in qca("plan", *words).stderr
    assert "Next" not in qca("plan", *words, "--format", "json").stderr


def test_down_stops_one_run_or_all(qca):
    assert "--all stops every run" in qca("down", "first", "--all", check=2).stderr


def test_down_without_an_engine_reports_what_is_unknown(tmp_path):
    done = Program(tmp_path, {"DOCKER_HOST": "unix:///nonexistent"})("down")
    assert "Nothing was launched from this folder." in done.stderr
    assert "Cannot determine whether containers are left: " in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(qca, shell):
    script = qca("completion", shell).stdout
    assert "_QCA_COMPLETE" in script
    if shutil.which(shell):
        check = [shell, "--no-execute"] if shell == "fish" else [shell, "-n"]
        subprocess.run(check, input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("line", "completed"), [("qca do", "doctor"), ("qca plan --form", "--format")]
)
def test_bash_completes_commands_and_options(tmp_path, line, completed):
    program = (
        'eval "$(qca completion bash)"\n'
        f"COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        '_qca_completion qca "" ""\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{QCA.parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", program],
        cwd=tmp_path,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert completed in done.stdout.split()
