"""What a program in Python consists of, and what its tasks share."""

from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory
from typing import Any, Callable, ContextManager, List, NamedTuple, Optional, Tuple


class Task(NamedTuple):
    prepare: Callable[[str], ContextManager[Any]]  # gives the subject; what is not measured
    loop: Optional[Callable[[int, Any], Any]]  # gives an outcome; what is measured
    expected: Callable[[int], Any]  # the result of so many operations, those of all processes together
    result: Callable[[Any, Any], Any] = lambda subject, outcome: outcome
    # In place of the loop, when the process at each seat (from 0) has a part of its own in the same operations. Gives
    # the outcome, and None or the nanoseconds of each operation; those of the first process count.
    part: Optional[Callable[[int, Any, int], Tuple[Any, Optional[List[int]]]]] = None


@contextmanager
def shared_elements(name, elements):
    """The memory of so many integers of 32 bits, zeros at first."""
    memory = SharedMemory(name, create=True, size=4 * elements)
    try:
        with memory.buf.cast("i") as view:
            yield view
    finally:
        memory.close()
        memory.unlink()
