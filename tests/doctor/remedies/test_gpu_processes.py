"""The processes to stop to free GPU memory, and the processes to mention."""

from infra.doctor.remedies.gpu_processes import describe_holders, free_memory
from qca.core.units import GIB, MIB
from tests.support.hosts import process


def test_no_process_is_stopped_if_that_would_not_free_enough():
    holders = (process("small", 1, 200 * MIB), process("Xorg", 2, 3 * GIB))

    assert free_memory(holders, GIB) == ()


def test_processes_of_unknown_size_are_included_if_needed():
    (remedy,) = free_memory((process("", 7, None), process("Xorg", 2, GIB)), GIB)

    assert remedy.commands == ("kill 7",)
    assert remedy.title == "End process 7"


def test_the_largest_process_is_stopped_first_and_no_more_than_needed():
    holders = (process("a", 1, GIB), process("b", 2, 3 * GIB), process("c", 3, 2 * GIB))

    assert [r.commands for r in free_memory(holders, 4 * GIB)] == [("kill 2",), ("kill 3",)]


def test_processes_are_listed_by_size_without_small_ones():
    holders = (
        process("C:\\Windows\\dwm.exe", 1, GIB),
        process("/usr/bin/python3", 2, 3 * GIB),
        process("cursor", 3, MIB),
        process("", 4, None),
    )

    assert describe_holders(holders) == (
        "python3 (pid 2, 3 GiB), dwm.exe (pid 1, 1 GiB, part of the desktop), a process (pid 4)"
    )
