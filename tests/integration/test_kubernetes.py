"""The pods of `qca render kubernetes`, started one by one on the real engine.

An engine is not a cluster: this test does the work of a kubelet and a cluster's DNS. It shows that
the pods find each other, run with the configured hardening, and exit as a Job expects;
tests/stack/test_kubernetes.py validates the objects themselves.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.program import Program, write_config
from tests.support.stack import trainer_image
from tests.support.waiting import wait_for
from tests.testbed.fixtures import Engine

NODES = 2
PASSWORD = "a" * 64
_numbers = itertools.count(1)


@dataclass
class Pods:
    """A plan's pods on an engine, as containers on their own network."""

    engine: Engine
    folder: Path
    settings: dict[str, str]
    name: str = field(default_factory=lambda: f"qca-kube-{os.getpid()}-{next(_numbers)}")
    specs: dict[str, dict] = field(default_factory=dict)

    def render(self, *words: str) -> None:
        """Read the pods from the rendered file of this plan."""
        write_config(self.folder)
        image = trainer_image(self.engine, self.settings)
        flags = ("--device=cpu", f"--nodes={NODES}", f"--trainer-image={image}", "-o", "k.yaml")
        Program(self.folder, self.settings)("render", "kubernetes", *flags, *words)
        for one in YAML(typ="safe").load_all((self.folder / "k.yaml").read_text()):
            if one["kind"] in ("StatefulSet", "Job"):
                component = one["metadata"]["labels"]["app.kubernetes.io/component"]
                self.specs[component] = one["spec"]["template"]["spec"]

    def start(self, component: str, host: str, *aliases: str) -> str:
        """Start a pod of `component` with a host name; return its container's name."""
        pod = self.specs[component]
        [container] = pod["containers"]
        name = f"{self.name}-{host}-{next(_numbers)}"
        subdomain = pod.get("subdomain", f"qca-{component}")
        command = container.get("command", [])
        self.engine.run(
            *("run", "--detach", f"--name={name}", f"--network={self.name}"),
            *(f"--hostname={host}", f"--domainname={subdomain}.default.svc.cluster.local"),
            *(f"--network-alias={alias}" for alias in (f"{host}.{subdomain}", *aliases)),
            f"--network-alias={host}.{subdomain}.default.svc.cluster.local",
            *self._secured(pod, container),
            *(f"--env={one['name']}={one['value']}" for one in container.get("env", [])),
            *self._mounts(pod, container),
            *([f"--entrypoint={command[0]}"] if command else []),
            container["image"],
            *command[1:],
            *container.get("args", []),
        )
        return name

    @staticmethod
    def _secured(pod: dict, container: dict) -> Iterator[str]:
        user, inside = pod["securityContext"], container["securityContext"]
        assert inside["allowPrivilegeEscalation"] is False
        yield f"--user={user['runAsUser']}:{user['runAsGroup']}"
        yield "--security-opt=no-new-privileges"
        yield f"--read-only={str(inside['readOnlyRootFilesystem']).lower()}"
        yield from (f"--cap-drop={one}" for one in inside["capabilities"]["drop"])
        yield f"--memory={container['resources']['limits']['memory'].removesuffix('i')}"

    def _mounts(self, pod: dict, container: dict) -> Iterator[str]:
        volumes = {one["name"]: one for one in pod["volumes"]}
        for mount in container["volumeMounts"]:
            volume, path = volumes[mount["name"]], mount["mountPath"]
            if "emptyDir" in volume:  # a kubelet makes them writable for all users
                yield f"--tmpfs={path}:size={volume['emptyDir']['sizeLimit'].rstrip('i')},mode=1777"
            elif "secret" in volume:
                yield f"--volume={self._secret(pod, volume['secret']['defaultMode'])}:{path}:ro"
            else:
                yield f"--volume={self.name}:{path}"

    def _secret(self, pod: dict, mode: int) -> Path:
        """Create the Secret as a kubelet does: owned by root and the pod's fsGroup."""
        folder = self.folder / "secret"
        folder.mkdir(exist_ok=True)
        file = folder / "store.flags"
        file.write_text(f"--requirepass={PASSWORD}\n")
        file.chmod(mode)
        os.chown(file, -1, pod["securityContext"]["fsGroup"])
        return folder

    def alive(self, container: str) -> bool:
        """Return the results of the trainer's probes."""
        [probed] = self.specs["trainer"]["containers"]
        command = probed["livenessProbe"]["exec"]["command"]
        return self.engine.run("exec", container, *command, check=False).returncode == 0

    def exit_code(self, container: str) -> int:
        """Return its exit code, once it has exited."""
        return int(self.engine.run("wait", container, timeout=120).stdout)

    def logs(self, container: str) -> str:
        """Return its output so far."""
        done = self.engine.run("logs", container)
        return done.stdout + done.stderr


@pytest.fixture
def pods(engine: Engine, settings: dict[str, str], tmp_path: Path) -> Iterator[Pods]:
    if os.geteuid() != 0:
        pytest.skip("only root can lay out a Secret as a kubelet does")
    made = Pods(engine, tmp_path, settings)
    with ExitStack() as undo:
        engine.run("network", "create", "--internal", made.name)
        undo.callback(engine.run, "network", "rm", made.name)
        engine.run("volume", "create", made.name)
        undo.callback(engine.run, "volume", "rm", made.name)
        undo.callback(remove_containers, engine, made.name)
        yield made


def remove_containers(engine: Engine, name: str) -> None:
    found = engine.run("ps", "-aq", "--filter", f"name=^{name}-").stdout.split()
    if found:
        engine.run("rm", "--force", *found)


def episodes(pods: Pods, container: str) -> list[int]:
    lines = pods.logs(container).splitlines()
    marked = [line for line in lines if '"event":"episode"' in line]
    return [int(line.split('"episode":')[1].split(",")[0]) for line in marked]


def test_two_nodes_train_one_model_and_both_succeed(pods: Pods):
    pods.render()
    store = pods.start("store", "qca-store-0", "qca-store")
    # The pod that starts later is the first pod, to which the others connect.
    second = pods.start("trainer", "qca-trainer-1")
    first = pods.start("trainer", "qca-trainer-0")
    assert [pods.exit_code(one) for one in (first, second)] == [0, 0], pods.logs(first)
    assert episodes(pods, first) == [1, 2, 3, 4, 5, 6]
    assert '"processes":2' in pods.logs(first)
    assert episodes(pods, second) == []  # only the first pod writes
    count = f"REDISCLI_AUTH={PASSWORD} redis-cli xlen qca:first:metrics"
    assert pods.engine.run("exec", store, "sh", "-c", count).stdout.strip() == "6"
    for container in (store, first, second):
        assert PASSWORD not in pods.engine.run("inspect", container).stdout


@pytest.mark.slow
def test_a_drained_node_does_not_count_as_finished_and_all_resume(pods: Pods):
    pods.render("--episodes=1000000")
    first, second = (pods.start("trainer", f"qca-trainer-{n}") for n in range(NODES))
    wait_for(lambda: len(episodes(pods, first)) > 3)
    assert pods.alive(first)
    assert pods.alive(second)

    pods.engine.run("stop", "--time=60", second)
    assert pods.exit_code(second) != 0
    assert pods.exit_code(first) != 0  # it could not continue alone
    before = episodes(pods, first)[-1]
    assert f'"event":"checkpoint","episode":{before}' in pods.logs(first)

    again, _ = (pods.start("trainer", f"qca-trainer-{n}") for n in range(NODES))
    wait_for(lambda: len(episodes(pods, again)) > 3)
    assert episodes(pods, again)[:3] == [before + 1, before + 2, before + 3]
