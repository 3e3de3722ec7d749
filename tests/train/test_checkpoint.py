import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save, save_file

from qca.core.atomic_files import remove_unfinished
from qca.core.errors import CheckpointError
from qca.runs.checkpoint_files import list_checkpoints
from qca.train import checkpoint as checkpoint_module
from qca.train.checkpoint import (
    Checkpoint,
    find_best_episode,
    find_newest_intact,
    read_checkpoint,
    write_checkpoint,
)
from qca.train.plateau import Plateau
from tests.support.full_disk import limit_file_size


def _checkpoint(episode: int, size: int = 3, loss: float | None = None) -> Checkpoint:
    return Checkpoint(
        episode=episode,
        tensors={
            "model.a": torch.full((size, 2), float(episode)),
            "model.b": torch.arange(4, dtype=torch.bfloat16),
            "optimizer.step.a": torch.tensor(1.0),
        },
        plateau=Plateau(best=0.125, stalled=7, halvings=1),
        config={"grid": 8, "seed": 0},
        skipped=2,
        loss=loss,
        processes=3,
    )


def _write(folder: Path, *episodes: int, keep: int = 9) -> list[Path]:
    return [write_checkpoint(folder, _checkpoint(e), keep=keep) for e in episodes]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_survives_the_round_trip(tmp_path):
    written = _checkpoint(5, loss=0.75)
    found = read_checkpoint(write_checkpoint(tmp_path, written, keep=9))
    assert replace(found, tensors={}) == replace(written, tensors={})
    assert found.tensors.keys() == written.tensors.keys()
    for name, tensor in written.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_an_older_checkpoint_is_read_without_a_newer_key(tmp_path):
    """Checkpoints of the first release lack these keys."""
    path = write_checkpoint(tmp_path, _checkpoint(5, loss=0.75), keep=9)
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["qca"])
    for key in ("loss_scale", "skipped", "loss", "processes"):
        del about[key]
    tensors, text = _checkpoint(5).tensors, json.dumps(about)
    checksum = checkpoint_module._digest(text, tensors)
    save_file(dict(tensors), path, metadata={"qca": text, "sha256": checksum})
    found = read_checkpoint(path)
    assert (found.episode, found.skipped, found.loss, found.processes) == (5, 0, None, None)


def test_the_file_is_plain_safetensors_with_its_configuration_as_json(tmp_path):
    (path,) = _write(tmp_path, 5)
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    assert json.loads(metadata["qca"])["config"] == {"grid": 8, "seed": 0}
    assert len(metadata["sha256"]) == 64


def test_the_documented_code_reads_a_checkpoint_without_qca(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "durability.md").read_text()
    [code] = re.findall(r"<!-- read-a-checkpoint -->\n```python\n(.*?)```", page, re.DOTALL)
    weight = {"model.outc.weight": torch.ones(2)}
    write_checkpoint(tmp_path, replace(_checkpoint(50, loss=0.5), tensors=weight), keep=1)
    monkeypatch.chdir(tmp_path)
    exec(code)
    assert capsys.readouterr().out == "50 0.5 8\n"


@pytest.mark.parametrize(("keep", "left"), [(1, [4]), (3, [2, 3, 4]), (9, [1, 2, 3, 4])])
def test_the_newest_are_kept(tmp_path, keep, left):
    _write(tmp_path, 1, 2, 3, 4, keep=keep)
    assert [episode for episode, _ in list_checkpoints(tmp_path)] == left


@pytest.mark.parametrize(
    ("losses", "best", "left"),
    [
        ([1.0, 9.0, 8.0, 7.0], 1, [1, 3, 4]),
        ([9.0, 1.0, 8.0, 7.0], 2, [2, 3, 4]),
        ([9.0, 8.0, 1.0, 7.0], 3, [3, 4]),
        ([9.0, 8.0, 7.0, 1.0], 4, [3, 4]),
        ([1.0, 1.0, 8.0, 7.0], 2, [2, 3, 4]),  # the newest of equal ones
        ([-1.0, 0.0, 8.0, 7.0], 1, [1, 3, 4]),
        ([None, 9.0, None, 7.0], 4, [3, 4]),
        ([None, None, None, None], None, [3, 4]),
    ],
)
def test_the_best_is_kept_in_addition_to_the_newest(tmp_path, losses, best, left):
    for episode, loss in enumerate(losses, start=1):
        write_checkpoint(tmp_path, _checkpoint(episode, loss=loss), keep=2)
    assert find_best_episode(tmp_path) == best
    assert [episode for episode, _ in list_checkpoints(tmp_path)] == left


def test_foreign_files_in_the_folder_are_kept(tmp_path):
    """Files with other names, with similar names, and one with our name and other content."""
    foreign = {
        "notes.txt": b"mine",
        "model.safetensors": save({"weight": torch.ones(2)}),
        "episode-1.safetensors": b"",
        "episode-00000001.safetensors.bak": b"",
        "episode-00000004.safetensors": save({"weight": torch.ones(2)}),
        "thesis.unfinished": b"mine",
    }
    for name, content in foreign.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "old").mkdir()
    remove_unfinished(tmp_path)
    _write(tmp_path, 1, 2, 3, keep=1)
    assert _names(tmp_path) == sorted([*foreign, "episode-00000003.safetensors", "old"])
    assert {name: (tmp_path / name).read_bytes() for name in foreign} == foreign
    found, passed_over = find_newest_intact(tmp_path)
    assert found is not None
    assert found.episode == 3
    assert len(passed_over) == 1


def _flip_a_byte(path: Path, where: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:50]),
    "not safetensors": lambda path: path.write_bytes(b"PK\3\4" + bytes(1000)),
    "a byte of a tensor": lambda path: _flip_a_byte(path, 0.99),
    "the configuration": lambda path: _replace(path, '"grid": 8', '"grid": 9'),
    "the episode": lambda path: _replace(path, '"episode": 9', '"episode": 7'),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def _replace(path: Path, old: str, new: str) -> None:
    """Change the description, which is JSON inside a JSON string in the file."""
    before, after = (json.dumps(text)[1:-1].encode() for text in (old, new))
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_skipped_and_named(tmp_path, damage):
    good, bad = _write(tmp_path, 8, 9)
    damage(bad)
    found, damaged = find_newest_intact(tmp_path)
    assert found is not None
    assert found.episode == 8
    assert len(damaged) == 1
    assert str(bad) in damaged[0]
    assert good.exists()
    assert bad.exists()


def test_any_changed_byte_is_noticed(tmp_path):
    """Except padding, which contains nothing: the data read is then the data written."""
    (path,) = _write(tmp_path, 8)
    content, written = path.read_bytes(), _checkpoint(8)
    for where in range(0, len(content), 3):
        path.write_bytes(content[:where] + bytes([content[where] ^ 0x10]) + content[where + 1 :])
        try:
            found = read_checkpoint(path)
        except CheckpointError:
            continue
        assert replace(found, tensors={}) == replace(written, tensors={})
        assert all(torch.equal(found.tensors[n], t) for n, t in written.tensors.items())


def test_a_checkpoint_of_another_version_is_not_skipped(tmp_path, monkeypatch):
    """Resuming from an older checkpoint would overwrite it."""
    _write(tmp_path, 8)
    monkeypatch.setattr(checkpoint_module, "SCHEMA_VERSION", 2)
    _write(tmp_path, 9)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"format version 2.*reads version 1"):
        find_newest_intact(tmp_path)


def test_without_an_intact_checkpoint_there_is_an_error_and_all_are_kept(tmp_path):
    for path in _write(tmp_path, 1, 2):
        _flip_a_byte(path, 0.99)
    with pytest.raises(CheckpointError, match="cannot read any checkpoint"):
        find_newest_intact(tmp_path)
    assert len(_names(tmp_path)) == 2


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    assert find_newest_intact(tmp_path) == (None, [])


def test_an_intact_checkpoint_is_never_removed_for_a_damaged_one(tmp_path):
    """When training resumes from 8 with a damaged 9, the one checkpoint kept is the new one, then
    the next."""
    _, bad = _write(tmp_path, 8, 9)
    _flip_a_byte(bad, 0.99)
    _write(tmp_path, 8, keep=1)
    found, _ = find_newest_intact(tmp_path)
    assert found is not None
    assert found.episode == 8


def test_a_full_disk_keeps_the_last_good_checkpoint_and_nothing_partial(tmp_path):
    _write(tmp_path, 1)
    with limit_file_size(2**16), pytest.raises(CheckpointError) as raised:
        write_checkpoint(tmp_path, _checkpoint(2, size=2**16), keep=1)
    assert "cannot write the checkpoint" in raised.value.message
    assert "episode-00000001" in raised.value.hint
    assert _names(tmp_path) == ["episode-00000001.safetensors"]
    found, _ = find_newest_intact(tmp_path)
    assert found is not None


def test_a_missing_folder_is_a_checkpoint_error(tmp_path):
    with pytest.raises(CheckpointError, match="cannot write the checkpoint"):
        _write(tmp_path / "gone", 1)


def test_the_best_is_among_those_that_minimized_the_same_loss(tmp_path):
    losses = [("evolutionary", 1.0), ("structure", 9.0), ("structure", 8.0)]
    for episode, (name, loss) in enumerate(losses, start=1):
        checkpoint = replace(_checkpoint(episode, loss=loss), config={"loss": name})
        write_checkpoint(tmp_path, checkpoint, keep=3)
    assert find_best_episode(tmp_path) == 3
