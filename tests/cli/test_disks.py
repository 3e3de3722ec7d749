"""Full or read-only disks, and files in place of a folder."""

import shutil
import subprocess

import pytest

from qca.runs.metrics_log import read_records
from tests.support.program import ENDLESS, Program
from tests.support.training import read_newest

UP = ("up", "--runtime", "local")

# The mount namespace ends with the program, so nothing has to be unmounted.
MOUNT = 'mount -t tmpfs -o "$0" none runs && "$@"; status=$?; cp -r runs kept; exit $status'


def mount_small_disk(program: Program, options: str) -> Program:
    """The same program with `runs` on a separate disk, which is copied to `kept` at the end."""
    (program.folder / "runs").mkdir()
    namespace = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    probe = [*namespace, "mount", "-t", "tmpfs", "none", str(program.folder / "runs")]
    tried = subprocess.run(probe, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"this machine mounts nothing for us: {tried.stderr.strip()}")
    before = [*namespace, "sh", "-c", MOUNT, options]
    return Program(program.folder, program.variables, before)


@pytest.mark.parametrize(
    "words", [("train", *ENDLESS), (*UP, *ENDLESS)], ids=lambda words: words[0]
)
def test_a_full_disk_is_reported_and_the_last_good_checkpoint_is_kept(trainable, words):
    """tests/chaos tests that training resumes with the same numbers."""
    program = mount_small_disk(trainable, "size=800k")
    done = program(*words, "--checkpoint-every", "1", check=1)
    assert "No space left on device" in done.stderr
    assert "Free disk space" in done.stderr
    run = program.folder / "kept" / "first"
    last = read_newest(run).episode
    made = [record.episode for record in read_records(run / "metrics.jsonl")]
    assert made[:last] == list(range(1, last + 1))


@pytest.mark.parametrize("words", [("train",), UP], ids=lambda words: words[0])
def test_a_read_only_disk_is_reported(trainable, words):
    program = mount_small_disk(trainable, "ro")
    done = program(*words, check=1)
    assert "Read-only file system" in done.stderr
    assert "runs/first" in done.stderr


def test_a_file_in_place_of_the_runs_is_reported(trainable):
    (trainable.folder / "runs").touch()
    assert "Not a directory" in trainable("train", check=1).stderr


def test_a_state_folder_that_cannot_be_written_is_reported(trainable):
    (trainable.folder / ".qca").touch()
    done = trainable(*UP, check=1)
    assert ".qca" in done.stderr
