"""A million elements of shared memory at once."""

from array import array
from contextlib import contextmanager

from task import Task, shared_elements

MILLION = 1000000


@contextmanager
def zeros(name):
    with shared_elements(name, MILLION) as elements:
        yield elements


@contextmanager
def counted(name):
    with zeros(name) as elements:
        elements[:] = array("i", range(1, MILLION + 1))
        yield elements


@contextmanager
def zeros_and_list(name):
    with zeros(name) as elements:
        yield elements, list(range(1, MILLION + 1))


def get_list(count, elements):
    for _ in range(count):
        copy = elements.tolist()
    return copy


def get_array(count, elements):
    for _ in range(count):
        copy = array("i")
        copy.frombytes(elements.cast("B"))
    return copy


def set_list(count, subject):
    elements, numbers = subject
    for _ in range(count):
        elements[:] = array("i", numbers)


def fill(count, elements):
    for _ in range(count):
        elements[:] = array("i", [7]) * MILLION


def sum_to_a_million(_):
    return MILLION * (MILLION + 1) // 2


def sum_of_copy(_, copy):
    return sum(copy)


TASKS = {
    "get_list": Task(counted, get_list, sum_to_a_million, sum_of_copy),
    "get_array": Task(counted, get_array, sum_to_a_million, sum_of_copy),
    "set_list": Task(zeros_and_list, set_list, sum_to_a_million, lambda subject, _: sum(subject[0])),
    "fill": Task(zeros, fill, lambda _: 7 * MILLION, lambda elements, _: sum(elements)),
}
