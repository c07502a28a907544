"""A counter in shared memory under a multiprocessing.Lock."""

from contextlib import contextmanager
from multiprocessing import Lock

from task import Task, shared_elements


@contextmanager
def lock_and_counter(name):
    with shared_elements(name, 1) as elements:
        yield Lock(), elements


def count_under_lock(count, subject):
    lock, elements = subject
    for _ in range(count):
        with lock:
            elements[0] += 1


TASKS = {
    "lock": Task(
        prepare=lock_and_counter,
        loop=count_under_lock,
        result=lambda subject, _: subject[1][0],
        expected=lambda count: count,
    ),
}
