"""Read and write safetensors files; adds the types that the library lacks. Works without torch."""

# pyright: reportUnknownVariableType=false
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TensorFile(Protocol):
    """An open safetensors file."""

    def metadata(self) -> dict[str, str] | None:
        """Return the strings in the header."""
        ...

    def keys(self) -> Iterable[str]:
        """Return the names of the tensors."""
        ...

    def get_tensor(self, name: str) -> Any:
        """Return a tensor: a numpy array, or a torch tensor for the framework `pt`."""
        ...


def open_tensors(path: Path, framework: Literal["np", "pt"]) -> AbstractContextManager[TensorFile]:
    """Open a safetensors file.

    Raises:
        OSError, SafetensorError: it cannot be read.

    """
    from safetensors import safe_open

    return cast("AbstractContextManager[TensorFile]", safe_open(path, framework=framework))


def save_arrays(
    path: Path, arrays: "Mapping[str, NDArray[Any]]", metadata: Mapping[str, str]
) -> None:
    """Write numpy arrays by name.

    Raises:
        OSError, SafetensorError: the file cannot be written.

    """
    from safetensors.numpy import save_file

    save_file(dict(arrays), path, metadata=dict(metadata))
