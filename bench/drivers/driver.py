"""Runs one task of a program in Python and prints what it took, as driver.lua does.

    python3 bench/drivers/driver.py PROGRAM TASK COUNT PROCESSES NAME

The arguments are those of driver.lua. PROGRAM is a Python file with a dictionary TASKS of task.Task.
"""

import multiprocessing
import runpy
import signal
import sys
import time

PATIENCE = 20  # seconds, for the other processes to come
SETTLING = 20_000_000  # nanoseconds


def meet(barrier):
    """When all have come they stay awake for a while: the system gives each a processor of its own, if there are
    enough."""
    barrier.wait(PATIENCE)
    settled = time.monotonic_ns() + SETTLING
    while barrier.parties > 1 and time.monotonic_ns() < settled:
        pass


def run(task, count, subject, seat, barrier, times):
    meet(barrier)
    times[0] = time.monotonic_ns()
    outcome = task.part(count, subject, seat) if task.part else task.loop(count, subject)
    times[1] = time.monotonic_ns()
    return outcome


def end_if_failed(others):
    """One that has a part would wait for ever for the one that has failed."""
    if any(other.exitcode for other in others):
        sys.exit("another process has failed")


def percentiles(times):
    """The times within which 50 %, 99 % and 99.9 % were done."""
    ordered = sorted(times)
    return [ordered[(len(ordered) * permille + 999) // 1000 - 1] for permille in (500, 990, 999)]


def run_all(task, count, processes, name):
    """The nanoseconds from the first process's begin to the last one's end, and the operations; or the sum of the
    times of each, the operations, and percentiles."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes)
    times = [context.RawArray("q", 2) for _ in range(processes)]
    with task.prepare(name) as subject:
        others = [
            context.Process(target=run, args=(task, count, subject, seat, barrier, times[seat]), daemon=True)
            for seat in range(1, processes)
        ]
        for other in others:
            other.start()
        signal.signal(signal.SIGCHLD, lambda *_: end_if_failed(others))
        outcome = run(task, count, subject, 0, barrier, times[0])
        for other in others:
            other.join()
            if other.exitcode != 0:
                sys.exit("another process has failed")
        each = None
        if task.part:
            outcome, each = outcome
        result = task.result(subject, outcome)
        operations = count if task.part else count * processes
        expected = task.expected(operations)
        if result != expected:
            sys.exit(f"{sys.argv[1]}, {sys.argv[2]}: the result is {result}, it should be {expected}")
    if each:
        return [sum(each), operations, *percentiles(each)]
    return [max(ended for _, ended in times) - min(begun for begun, _ in times), operations]


def main():
    path, name_of_task, count, processes, name = sys.argv[1:]
    task = runpy.run_path(path)["TASKS"][name_of_task]
    print(*run_all(task, int(count), int(processes), name))


if __name__ == "__main__":
    main()
