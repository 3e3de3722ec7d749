"""The live probe of the store: start its image with the planned flags; wait until it is healthy."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.host.facts import StoreRun
from infra.stack.compose_document import SECRETS, STORE_FLAGS
from infra.stack.engine_files import pack_secret
from infra.stack.live.sandbox import ContainerRefusedError, ContainerRequest, Sandbox
from infra.stack.live.service_limits import translate_healthcheck, translate_limits


def run_store(
    sandbox: Sandbox,
    service: Mapping[str, Any],
    owner: tuple[int, int],
    flags_file: Path,
    seconds: float,
) -> StoreRun:
    """Return the result of starting the planned store, whose password is in `flags_file`.

    Raises:
        ContainerRefusedError: the engine did not accept the password.

    """
    mount = _mount_flags(sandbox, service["image"], owner, flags_file)
    request = ContainerRequest(
        image=service["image"],
        command=service["command"],
        user=f"{owner[0]}:{owner[1]}",
        healthcheck=translate_healthcheck(service),
        limits={**translate_limits(service), "mounts": [mount]},
    )
    started = time.monotonic()
    try:
        return _wait_until_healthy(sandbox, request, started, seconds)
    except ContainerRefusedError as error:
        return StoreRun(image=request.image, seconds=0, outcome="refused", detail=str(error))


def _mount_flags(
    sandbox: Sandbox, image: str, owner: tuple[int, int], file: Path
) -> dict[str, Any]:
    """Return the password's mount as in `qca up`, for a local or a remote engine."""
    bind = {"Type": "bind", "Source": str(file), "Target": STORE_FLAGS, "ReadOnly": True}
    if sandbox.has_source(image, bind):
        return bind
    volume = {"Type": "volume", "Source": sandbox.create_volume(), "Target": SECRETS}
    sandbox.fill(image, volume, pack_secret(file, owner))
    return {**volume, "ReadOnly": True}


def _wait_until_healthy(
    sandbox: Sandbox, request: ContainerRequest, started: float, seconds: float
) -> StoreRun:
    state: dict[str, Any] = {}
    with sandbox.start(request) as container:
        for state in sandbox.watch(container, seconds):
            passed = round(time.monotonic() - started, 1)
            if state["Status"] in ("exited", "dead"):
                return StoreRun(
                    image=request.image,
                    seconds=passed,
                    outcome="exited",
                    exit_code=state["ExitCode"],
                    killed_for_memory=state["OOMKilled"],
                    detail=sandbox.read_log(container),
                )
            if state.get("Health", {}).get("Status") == "healthy":
                return StoreRun(image=request.image, seconds=passed, outcome="healthy")
        detail = _read_last_check(state) or sandbox.read_log(container)
    return StoreRun(image=request.image, seconds=seconds, outcome="unhealthy", detail=detail)


def _read_last_check(state: Mapping[str, Any]) -> str:
    health: dict[str, Any] = state.get("Health") or {}
    checks: list[dict[str, Any]] = health.get("Log") or []
    return str(checks[-1]["Output"]).strip() if checks else ""
