"""Build the trainer image: its context, its name, and the size of its downloads."""

# docker-py has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from operator import itemgetter
from pathlib import Path
from typing import Any

from infra.host.image_names import TRAINER_REPOSITORY
from infra.stack.base_image import list_build_args
from infra.stack.docker_client import connect_engine, run_docker
from infra.stack.docker_failures import list_image_causes
from infra.stack.plan import StackPlan
from infra.stack.process import run_streaming
from qca.core.errors import LaunchError
from qca.core.units import format_size

# The files that Dockerfile.cuda copies in addition to the two packages.
_FILES = ("Dockerfile.cuda", "pyproject.toml", "README.md", "LICENSE")
_PACKAGES = ("qca", "infra")
# The label that names an image's project; the project's next image replaces that image.
PROJECT_LABEL = "qca.project"

# The keys that hold the layers in the reply of `docker manifest inspect --verbose`, one per kind of
# manifest.
_MANIFESTS = ("OCIManifest", "SchemaV2Manifest")


def list_context() -> dict[str, Path]:
    """Return the files of the build context by their names in it, from a wheel or a checkout."""
    packages = {name: Path(str(files(name))) for name in _PACKAGES}
    checkout = packages["qca"].parent
    installed = packages["infra"] / "data" / "image"
    source = installed if installed.is_dir() else checkout
    found = {name: source / name for name in _FILES}
    for name, package in packages.items():
        for folder, folders, names in os.walk(package):
            folders[:] = set(folders) - {"__pycache__", "image"}
            inside = Path(name, os.path.relpath(folder, package))
            found |= {(inside / file).as_posix(): Path(folder, file) for file in names}
    return found


def make_context(folder: Path, ca_bundle: Path | None) -> None:
    """Write the build context of the image to `folder`."""
    for name, file in list_context().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
    if ca_bundle is not None:  # needed for the build, but not in the image
        shutil.copyfile(ca_bundle, folder / "ca-bundle.crt")


def compute_image_name(context: Mapping[str, Path], arguments: Mapping[str, str]) -> str:
    """Return a name that changes with the context and arguments of the image."""
    digest = hashlib.sha256(json.dumps(dict(arguments), sort_keys=True).encode())
    for name, file in sorted(context.items()):
        digest.update(name.encode() + b"\0")
        digest.update(file.read_bytes())
    return f"{TRAINER_REPOSITORY}:{digest.hexdigest()[:12]}"


def ensure_trainer_image(
    plan: StackPlan,
    ca_bundle: Path | None,
    *,
    say: Callable[[str], None],
    tick: Callable[[str], None],
) -> str:
    """Build the trainer image unless it exists; return its name.

    Raises:
        LaunchError: the build failed (the message has the end of its output), or the engine does
            not answer.

    """
    base_image = plan.trainer.base_image.value
    arguments = list_build_args(base_image)
    name = compute_image_name(list_context(), arguments)
    if not has_image(name):
        _announce_download(base_image, say)
        say(f"Building the trainer image {name} on {base_image}.")
        with tempfile.TemporaryDirectory(prefix="qca-image-") as folder:
            _prepare(Path(folder), ca_bundle)
            _build(Path(folder), name, arguments, plan.project, tick)
        remove_older_images(name, plan.project)
    return name


def ensure_pulled(image: str, *, say: Callable[[str], None], tick: Callable[[str], None]) -> None:
    """Pull `image` unless the engine has it.

    Raises:
        LaunchError: the image cannot be pulled; the message is docker's.

    """
    if has_image(image):
        return
    _announce_download(image, say)
    run_streaming(
        ["docker", "pull", image],
        tick=tick,
        hint="Check the name and the network; --store-image selects another image.",
        causes=list_image_causes("--store-image"),
    )


def pin_digest(image: str) -> str:
    """Return `image` with its digest in the registry, if the engine knows it.

    An engine knows the digests of images that it pulled or pushed, but not of those that were built
    or loaded; their names are returned unchanged.
    """
    if "@" in image:
        return image
    last = image.rpartition("/")[2]
    repository = image.removesuffix(f":{last.partition(':')[2]}") if ":" in last else image
    details = _inspect_image(image) or {}
    references = [text.partition("@") for text in details.get("RepoDigests") or ()]
    digests = [digest for name, _, digest in references if name == repository]
    return f"{image}@{digests[0]}" if digests else image


def has_image(image: str) -> bool:
    """Return whether the engine has `image`."""
    return _inspect_image(image) is not None


def find_trainer_image(project: str) -> str | None:
    """Return the latest trainer image of a project; None if there is none."""
    with connect_engine() as engine:
        found = engine.images(filters={"label": f"{PROJECT_LABEL}={project}"})
    newest_first = sorted(found, key=itemgetter("Created"), reverse=True)
    tags = [tag for image in newest_first for tag in image["RepoTags"] or ()]
    return next((tag for tag in tags if tag.startswith(f"{TRAINER_REPOSITORY}:")), None)


def find_image_size(image: str) -> int | None:
    """Return the size of an image on the engine, in bytes; None if it does not have the image."""
    details = _inspect_image(image)
    return None if details is None else int(details["Size"])


def _inspect_image(image: str) -> dict[str, Any] | None:
    """Return the engine's description of an image; None if it does not have the image."""
    from docker.errors import NotFound

    with connect_engine() as engine:
        try:
            return engine.inspect_image(image)
        except NotFound:
            return None


def _announce_download(image: str, say: Callable[[str], None]) -> None:
    if not has_image(image):
        size = fetch_download_size(image)
        size_text = "its registry did not report the size" if size is None else format_size(size)
        say(f"Downloading {image} ({size_text}).")


def _prepare(context: Path, ca_bundle: Path | None) -> None:
    try:
        make_context(context, ca_bundle)
    except OSError as error:
        raise LaunchError(
            f"cannot prepare the image build: {error.filename}: {error.strerror}",
            hint="Check stack.ca_bundle and the free space of the temporary folder.",
        ) from None


def _build(
    context: Path,
    name: str,
    arguments: dict[str, str],
    project: str,
    tick: Callable[[str], None],
) -> None:
    # `docker build` uses BuildKit if the client has it, and the classic builder otherwise; `docker
    # buildx build` and `docker compose build` need a plugin.
    flags = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    flags.append(f"--label={PROJECT_LABEL}={project}")
    file = str(context / "Dockerfile.cuda")
    run_streaming(
        ["docker", "build", "-f", file, "-t", name, *flags, str(context)],
        tick=tick,
        hint="The output has the cause; `qca doctor --deep` tests the network of containers.",
        causes=list_image_causes("--base-image"),
    )


def remove_older_images(name: str, project: str) -> None:
    """Remove the previous images of this project, as each change creates a new one.

    Removal is not forced, so the engine refuses to remove an image that a container still uses.
    """
    from docker.errors import APIError

    label = {"label": f"{PROJECT_LABEL}={project}"}
    with connect_engine() as engine:
        tags = {tag for image in engine.images(filters=label) for tag in image["RepoTags"] or ()}
        ours = {tag for tag in tags if tag.startswith(f"{TRAINER_REPOSITORY}:")}
        for older in sorted(ours - {name}):
            with contextlib.suppress(APIError):
                engine.remove_image(older)


def fetch_download_size(image: str) -> int | None:
    """Return the total size of the layers that the engine would download; None if the registry does
    not report it.

    Raises:
        LaunchError: the engine does not answer.

    """
    text = run_docker("manifest", "inspect", "--verbose", image)
    if text is None:
        return None
    try:
        reply = json.loads(text)
        manifests = reply if isinstance(reply, list) else [reply]
        architecture = _find_architecture()
        manifest = next(
            candidate for candidate in manifests if _is_manifest_for(candidate, architecture)
        )
        layers = next(manifest[key]["layers"] for key in _MANIFESTS if key in manifest)
        return sum(layer["size"] for layer in layers)
    except (ValueError, KeyError, TypeError, StopIteration):
        return None


def _find_architecture() -> str:
    """Return the architecture of the engine's images, which may differ from this machine's."""
    with connect_engine() as engine:
        return engine.version()["Arch"]


def _is_manifest_for(manifest: dict[str, Any], architecture: str) -> bool:
    described = manifest["Descriptor"].get("platform", {})
    return described.get("architecture", architecture) == architecture
