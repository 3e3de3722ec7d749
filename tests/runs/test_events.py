import pytest

from qca.runs.events import CheckpointWritten, ConfigChanged, Finished, parse_event
from tests.support.run_folders import make_started, record


@pytest.mark.parametrize(
    "event",
    [
        make_started(),
        make_started().model_copy(update={"warnings": ("one",), "made_again_until": 4}),
        record(1),
        ConfigChanged(episode=3, before={"loss": "structure"}, now={"loss": "mse_energy"}),
        ConfigChanged(episode=3, before={"episodes": 2}, now={"episodes": 9}),
        record(2, reserved_bytes=2**30),
        CheckpointWritten(episode=3, path="runs/first/checkpoints/x"),
        Finished(reason="stopped", episodes=3),
    ],
    ids=lambda event: event.event,
)
def test_every_event_survives_json(event):
    assert parse_event(event.model_dump_json()) == event


@pytest.mark.parametrize("line", ["", "{}", '{"event": "other"}', "[1]"])
def test_what_is_not_an_event_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".+"):
        parse_event(line)


@pytest.mark.parametrize(
    ("device", "context", "memory"), [("cpu", 7, 10), ("cpu", None, None), ("cuda:0", 7, 3)]
)
def test_the_prediction_matches_the_measured_quantity(device, context, memory):
    """A resident set includes the interpreter; CUDA's allocator counts only tensors."""
    given = {"device": device, "predicted_peak_bytes": 3, "predicted_context_bytes": context}
    assert make_started().model_copy(update=given).predicted_memory_bytes == memory
