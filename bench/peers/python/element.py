"""One element of shared memory at a time."""

from contextlib import contextmanager
from struct import pack_into, unpack_from

from task import Task, shared_elements

ELEMENTS = 1024


@contextmanager
def zeros(name):
    with shared_elements(name, ELEMENTS) as elements:
        yield elements


@contextmanager
def counted(name):
    with shared_elements(name, ELEMENTS) as elements:
        for i in range(ELEMENTS):
            elements[i] = i + 1
        yield elements


def sum_of_reads(count):
    """The sum of (i & 1023) + 1 for i from 1 to count."""
    rounds, rest = divmod(count, ELEMENTS)
    return rounds * ELEMENTS * (ELEMENTS + 1) // 2 + rest * (rest + 3) // 2


def sum_of_writes(count):
    """The sum of zeros after i was written to the element i & 1023 for i from 1 to count."""
    return sum(range(max(1, count - ELEMENTS + 1), count + 1))


def empty_loop(count, _):
    total = 0
    for i in range(1, count + 1):
        total += (i & 1023) + 1
    return total


def memoryview_read(count, elements):
    total = 0
    for i in range(1, count + 1):
        total += elements[i & 1023]
    return total


def struct_read(count, elements):
    memory, total = elements.obj, 0
    for i in range(1, count + 1):
        total += unpack_from("i", memory, (i & 1023) * 4)[0]
    return total


def memoryview_write(count, elements):
    for i in range(1, count + 1):
        elements[i & 1023] = i


def struct_write(count, elements):
    memory = elements.obj
    for i in range(1, count + 1):
        pack_into("i", memory, (i & 1023) * 4, i)


def sum_of_elements(elements, _):
    return sum(elements)


TASKS = {
    "empty_loop": Task(counted, empty_loop, sum_of_reads),
    "memoryview_read": Task(counted, memoryview_read, sum_of_reads),
    "struct_read": Task(counted, struct_read, sum_of_reads),
    "memoryview_write": Task(zeros, memoryview_write, sum_of_writes, sum_of_elements),
    "struct_write": Task(zeros, struct_write, sum_of_writes, sum_of_elements),
}
