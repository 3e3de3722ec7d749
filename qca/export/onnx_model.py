"""Write a traced step as an ONNX model, with onnx and torch's exporter."""

# Neither has complete annotations.
# pyright: reportUnknownMemberType=false
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch

INPUTS, OUTPUTS = ("real", "imaginary"), ("next_real", "next_imaginary")


def write_model(
    path: Path, program: torch.export.ExportedProgram, metadata: Mapping[str, str]
) -> None:
    """Convert a program and write it as protobuf.

    Raises:
        ModuleNotFoundError: onnx or onnxscript is not installed.

    """
    import onnx

    import_module("onnxscript")  # torch's exporter needs it, but reports its absence less clearly
    exported = torch.onnx.export(
        program, (), input_names=INPUTS, output_names=OUTPUTS, verbose=False
    )
    assert exported is not None
    model = exported.model_proto
    for key, text in metadata.items():
        model.metadata_props.add(key=key, value=text)
    onnx.save(model, path, format="protobuf")
