"""`qca doctor --deep`: list the containers, ask, run them, and remove them."""

import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.doctor.check import Check
from infra.host.facts import HostFacts, NoEngine, Unknown
from infra.stack.image import ensure_pulled
from infra.stack.live.cleanup import LABEL
from infra.stack.live.images import ImageSource
from infra.stack.live.probes import LiveProbe, plan_probes
from infra.stack.live.run import run_probes, survey
from infra.stack.plan import plan_stack
from qca.cli.messages import note, say
from qca.cli.signals import Terminated, ignore_signals, unwind_on_sigterm
from qca.core.config import Config
from qca.core.errors import LaunchError
from qca.core.units import format_size

if TYPE_CHECKING:
    from infra.stack.live.run import Fact

# Time limit for removing the containers from an engine that has stopped answering.
_REMOVAL_SECONDS = 60.0


def add_live_facts(
    facts: HostFacts, config: Config, checks: Iterable[Check], *, yes: bool, timeout: float
) -> HostFacts:
    """Run the containers that the user allows; return the facts with their results.

    The result of a container that is not started is unknown, with the reason. The time limit of a
    container is at least `timeout` seconds.
    """
    wanted = {name for check in checks for name in check.live_facts}
    if not wanted:
        raise click.UsageError("--only and --ignore exclude every check that --deep runs.")
    return replace(facts, **_find_facts(facts, config, wanted, yes, timeout))


def _find_facts(
    facts: HostFacts, config: Config, wanted: set[str], yes: bool, timeout: float
) -> "dict[str, Fact]":
    if reason := _explain_no_engine(facts):
        return _report_all(wanted, reason)
    try:
        plan = plan_stack(facts, config)
        probes, unknown = plan_probes(survey(facts, plan, timeout), wanted)
    except LaunchError as error:
        return _report_all(wanted, error.message)
    if not probes:
        return {**unknown}
    _announce(probes)
    if refusal := "" if yes else _ask():
        return {**unknown, **_report_all([probe.fact for probe in probes], refusal)}
    with unwind_on_sigterm():
        return {**unknown, **_run(probes)}


def _explain_no_engine(facts: HostFacts) -> str:
    if isinstance(facts.docker, Unknown):
        return facts.docker.reason
    engine = facts.docker.value
    if isinstance(engine, NoEngine):
        return engine.problem
    return "" if engine.os_type == "linux" else "the engine runs no Linux containers"


def _report_all(names: Iterable[str], reason: str) -> "dict[str, Fact]":
    return {name: Unknown(reason=reason) for name in names}


def _announce(probes: Sequence[LiveProbe]) -> None:
    say("--deep starts these containers one after another, and removes each:")
    for probe in probes:
        names = ", ".join(image.name for image in probe.images)
        say(f"  {probe.activity} (in {names}; at most {probe.seconds:g} s)")
    say("Their images:")
    for image in _list_images(probes):
        size = "size unknown" if image.size is None else format_size(image.size)
        state = "is here" if image.is_here else "will be downloaded and kept; `qca up` needs it"
        say(f"  {image.name} ({size}) {state}")


def _list_images(probes: Sequence[LiveProbe]) -> list[ImageSource]:
    return list(dict.fromkeys(image for probe in probes for image in probe.images))


def _ask() -> str:
    """Ask whether to continue; return an empty string for yes, otherwise the reason to skip the
    probes."""
    if not sys.stdin.isatty():
        return "not started: cannot ask without a terminal; use --yes to start it without asking"
    return "" if click.confirm("Start them?", err=True) else "not started: the answer was no"


def _run(probes: Sequence[LiveProbe]) -> "dict[str, Fact]":
    """Download the missing images, and run the probes whose images are present."""
    missing: dict[str, str] = {}
    for image in _list_images(probes):
        try:
            if not image.is_here:
                ensure_pulled(image.name, say=say, tick=lambda _: None)
        except LaunchError as error:
            missing[image.name] = error.message
    ready: list[LiveProbe] = []
    found: dict[str, Fact] = {}
    for probe in probes:
        if reasons := [missing[image.name] for image in probe.images if image.name in missing]:
            found[probe.fact] = Unknown(reason=reasons[0])
        else:
            ready.append(probe)
    return {**found, **_run_in_thread(ready)}


def _run_in_thread(probes: Sequence[LiveProbe]) -> "dict[str, Fact]":
    """Run the probes in a thread that no signal interrupts; on a signal, remove all containers."""
    stop, done = threading.Event(), threading.Event()
    found: dict[str, Fact] = {}
    errors: list[Exception] = []

    def work() -> None:
        try:
            found.update(run_probes(probes, Path.cwd(), stop, _announce_start))
        except Exception as error:
            errors.append(error)
        finally:
            done.set()

    try:
        threading.Thread(target=work, name="live-probes", daemon=True).start()
        # An interrupted join() marks the thread as stopped (python/cpython issue 90882).
        done.wait()
    except (KeyboardInterrupt, Terminated):
        with ignore_signals():
            _stop(stop, done)
        raise
    for error in errors:
        if not isinstance(error, LaunchError):
            raise error
        say(f"{error.message}\n{_describe_leftovers()}")
    unanswered = _report_all([probe.fact for probe in probes], "the engine stopped answering")
    return {**unanswered, **found}


def _announce_start(probe: LiveProbe) -> None:
    note(f"  {probe.activity} ...")


def _stop(stop: threading.Event, done: threading.Event) -> None:
    note("Removing the containers.")
    stop.set()
    if not done.wait(_REMOVAL_SECONDS):
        say(_describe_leftovers())


def _describe_leftovers() -> str:
    command = f"docker ps -aq --filter label={LABEL} | xargs -r docker rm -fv"
    return (
        f"Some containers may be left; to remove them: {command}\n"
        "A later `qca doctor --deep` removes any that are more than an hour old."
    )
