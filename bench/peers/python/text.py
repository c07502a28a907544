"""A mebibyte of shared memory as a bytes object, and back."""

from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory

from task import Task

SIZE = 1 << 20
TEXT = b"0123456789abcdef" * (SIZE // 16)


@contextmanager
def zeros(name):
    memory = SharedMemory(name, create=True, size=SIZE)
    try:
        yield memory.buf
    finally:
        memory.close()
        memory.unlink()


@contextmanager
def filled(name):
    with zeros(name) as view:
        view[0:SIZE] = TEXT
        yield view


def read(count, view):
    for _ in range(count):
        text = bytes(view[0:SIZE])
    return text


def write(count, view):
    for _ in range(count):
        view[0:SIZE] = TEXT


TASKS = {
    "read": Task(filled, read, lambda _: True, lambda _, text: text == TEXT),
    "write": Task(zeros, write, lambda _: True, lambda view, _: view[0:SIZE] == TEXT),
}
