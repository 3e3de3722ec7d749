"""Start several processes that train one model, as a user would."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from qca.runs.events import EpisodeRecord, Noted
from qca.runs.journal import read_journal
from qca.runs.metrics_log import read_records
from tests.support.waiting import wait_for

FLAGS = {
    "device": "cpu",
    "profile": "default",
    "precision": "fp32",
    "optimizer-state": "device",
    "recompute": "step",
    "grid": 8,
    "d-state": 2,
    "hidden-channels": 4,
    "steps": 4,
    "learning-rate": 1e-2,
    "max-noise": 1.0,
    "checkpoint-every": 5,
    "progress": "json",
}
# The seed's model.
WHOLE = {"grid": 64, "d-state": 14, "hidden-channels": 128}
SECONDS = 240  # two starts of torch and a rendezvous, on a busy machine


STARTED: list[subprocess.Popen[bytes]] = []


def end_all() -> None:
    """Kill the processes that a failed test left running."""
    while STARTED:
        process = STARTED.pop()
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()


def command(folder: Path, *words: str, episodes: int, **flags) -> list[str]:
    given = {**FLAGS, "runs": folder, "episodes": episodes, **flags}
    return ["train", *words, *(f"--{k}={v}" for k, v in given.items())]


def start(folder: Path, *words: str, episodes: int, **flags) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "qca", *command(folder, *words, episodes=episodes, **flags)],
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / f"{folder.name}.log").open("wb"),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    STARTED.append(process)
    return process


def read_stderr(folder: Path) -> str:
    return (folder.parent / f"{folder.name}.log").read_text()


def load_records(folder: Path) -> list[EpisodeRecord]:
    return read_records(folder / "first/metrics.jsonl")


def read_notes(folder: Path) -> list[str]:
    events = (entry.event for entry in read_journal(folder / "first/events.jsonl"))
    return [event.message for event in events if isinstance(event, Noted)]


def wait_while_running(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    wait_for(condition, SECONDS, pause=0.02, is_running=lambda: process.poll() is None)


def find_workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def measure_gpu_memory(processes: list[psutil.Process]) -> list[int]:
    """Return the GPU memory of each process in bytes, as reported by the driver."""
    import pynvml

    pids = {process.pid for process in processes}
    pynvml.nvmlInit()
    try:
        gpus = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        return [
            one.usedGpuMemory
            for gpu in gpus
            for one in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)
            if one.pid in pids
        ]
    finally:
        pynvml.nvmlShutdown()
