"""An existing SharedMemory is opened and closed."""

from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory

from task import Task

SIZE = 4096


@contextmanager
def existing(name):
    memory = SharedMemory(name, create=True, size=SIZE)
    try:
        yield name
    finally:
        memory.close()
        memory.unlink()


def open_and_close(count, name):
    sizes = 0
    for _ in range(count):
        memory = SharedMemory(name)
        sizes += len(memory.buf)
        memory.close()
    return sizes


TASKS = {"open": Task(existing, open_and_close, lambda count: count * SIZE)}
