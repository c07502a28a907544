"""The tasks of the works about messages, for whatever carries them between two processes of Python.

They are called WIRE_WORK_SIZE, as in `queue_round_trip_64`: those of the same name in messages.lua, which says what the
messages are.
"""

from contextlib import contextmanager
from functools import partial
from time import monotonic_ns

from task import Task

LETTERS = b"abcd"
CYCLE = len(LETTERS)  # a power of 2
LARGE = 1 << 14
SIZES = (8, 64, 1 << 10, 1 << 16)


def cycle_of(size):
    return [bytes([letter]) * size for letter in LETTERS]


def answer(count, incoming, outgoing):
    for _ in range(count):
        outgoing.put(incoming.get())


def ask(count, incoming, outgoing, cycle):
    right = 0
    for i in range(count):
        message = cycle[i & CYCLE - 1]
        outgoing.put(message)
        if incoming.get() == message:
            right += 1
    return right


def ask_timed(count, incoming, outgoing, cycle):
    right = 0
    times = [0] * count
    for i in range(count):
        message = cycle[i & CYCLE - 1]
        begun = monotonic_ns()
        outgoing.put(message)
        reply = incoming.get()
        times[i] = monotonic_ns() - begun
        if reply == message:
            right += 1
    return right, times


def send(count, outgoing, cycle):
    for i in range(count):
        outgoing.put(cycle[i & CYCLE - 1])


def receive(count, incoming, cycle):
    right = 0
    for i in range(count):
        if incoming.get() == cycle[i & CYCLE - 1]:
            right += 1
    return right


def receive_large(count, incoming, size):
    right = 0
    for i in range(count):
        message = incoming.get()
        letter = LETTERS[i & CYCLE - 1]
        if len(message) == size and message[0] == letter and message[-1] == letter:
            right += 1
    return right


def round_trip(size, count, queues, seat):
    incoming, outgoing = queues[1 - seat], queues[seat]
    if seat == 0:
        return ask(count, incoming, outgoing, cycle_of(size)), None
    return answer(count, incoming, outgoing), None


def latency(size, count, queues, seat):
    incoming, outgoing = queues[1 - seat], queues[seat]
    if seat == 0:
        return ask_timed(count, incoming, outgoing, cycle_of(size))
    return answer(count, incoming, outgoing), None


def one_way(size, count, queues, seat):
    """The first process receives, the second one sends."""
    if seat == 1:
        return send(count, queues[1], cycle_of(size)), None
    if size < LARGE:
        return receive(count, queues[1], cycle_of(size)), None
    return receive_large(count, queues[1], size), None


WORKS = {"round_trip": round_trip, "latency": latency, "one_way": one_way}


@contextmanager
def two(make, _):
    """A queue for what each process sends, by its seat."""
    yield make(), make()


def tasks(wires):
    """The tasks of functions that make a queue, by the wires' names."""
    return {
        f"{wire}_{work}_{size}": Task(partial(two, make), None, lambda count: count, part=partial(part, size))
        for wire, make in wires.items()
        for work, part in WORKS.items()
        for size in SIZES
    }
