"""Which processes to stop to free GPU memory, and which ones to mention."""

from infra.doctor.remedies.gpu_processes import describe_holders, free_memory
from qca.core.units import GIB, MIB
from tests.support.hosts import process


def test_no_process_is_ended_where_that_would_not_free_enough():
    holders = (process("small", 1, 200 * MIB), process("Xorg", 2, 3 * GIB))

    assert free_memory(holders, GIB) == ()


def test_a_process_that_does_not_say_what_it_holds_may_be_the_one():
    (remedy,) = free_memory((process("", 7, None), process("Xorg", 2, GIB)), GIB)

    assert remedy.commands == ("kill 7",)
    assert remedy.title == "End process 7"


def test_the_largest_is_ended_first_and_no_more_than_needed():
    holders = (process("a", 1, GIB), process("b", 2, 3 * GIB), process("c", 3, 2 * GIB))

    assert [r.commands for r in free_memory(holders, 4 * GIB)] == [("kill 2",), ("kill 3",)]


def test_holders_are_named_by_size_and_small_ones_left_out():
    holders = (
        process("C:\\Windows\\dwm.exe", 1, GIB),
        process("/usr/bin/python3", 2, 3 * GIB),
        process("cursor", 3, MIB),
        process("", 4, None),
    )

    assert describe_holders(holders) == (
        "python3 (pid 2, 3 GiB), dwm.exe (pid 1, 1 GiB, the desktop's), a process (pid 4)"
    )
