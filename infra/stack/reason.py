"""Why a number is what it is: every sized number carries one of these."""

from pydantic import BaseModel, ConfigDict, Field


class Reason(BaseModel):
    """The sentence behind one number of the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    for_: str = Field(alias="for")
    """Path of the number in the plan, e.g. `dragonfly.maxmemory_bytes`."""
    because: str


def reason(for_: str, because: str) -> Reason:
    """Make a Reason; `for` is a keyword in Python."""
    return Reason.model_validate({"for": for_, "because": because})
