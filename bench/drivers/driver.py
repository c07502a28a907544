"""Runs one task of a program in Python and prints what it took: the nanoseconds, and the operations done in them.

    python3 bench/drivers/driver.py PROGRAM TASK COUNT PROCESSES NAME

The arguments are those of driver.lua. PROGRAM is a Python file with a dictionary TASKS of task.Task.
"""

import multiprocessing
import runpy
import sys
import time

PATIENCE = 20  # seconds, for the other processes to come


def run(task, count, subject, barrier, times):
    barrier.wait(PATIENCE)
    times[0] = time.monotonic_ns()
    outcome = task.loop(count, subject)
    times[1] = time.monotonic_ns()
    return outcome


def run_all(task, count, processes, name):
    """The nanoseconds from the first process's begin to the last one's end."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes)
    times = [context.RawArray("q", 2) for _ in range(processes)]
    with task.prepare(name) as subject:
        others = [
            context.Process(target=run, args=(task, count, subject, barrier, times[seat]), daemon=True)
            for seat in range(1, processes)
        ]
        for other in others:
            other.start()
        outcome = run(task, count, subject, barrier, times[0])
        for other in others:
            other.join()
            if other.exitcode != 0:
                sys.exit("another process has failed")
        result = task.result(subject, outcome)
        expected = task.expected(count * processes)
        if result != expected:
            sys.exit(f"{sys.argv[1]}, {sys.argv[2]}: the result is {result}, it should be {expected}")
    return max(ended for _, ended in times) - min(begun for begun, _ in times)


def main():
    path, name_of_task, count, processes, name = sys.argv[1:]
    task = runpy.run_path(path)["TASKS"][name_of_task]
    elapsed = run_all(task, int(count), int(processes), name)
    print(elapsed, int(count) * int(processes))


if __name__ == "__main__":
    main()
