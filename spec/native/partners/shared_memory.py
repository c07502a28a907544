"""A partner in Python: multiprocessing.shared_memory, its resource tracker off. Commands as in foreign.c."""

import sys
from multiprocessing import resource_tracker, shared_memory

name, memory = None, None


def track_not(shared):
    # Before Python 3.13 (track=False) the tracker removes what others still use.
    resource_tracker.unregister(shared._name, "shared_memory")
    return shared


def run(words):
    global name, memory
    if words[0] == "name":
        name = words[1]
    elif words[0] == "create":
        memory = track_not(shared_memory.SharedMemory(name, create=True, size=int(words[1])))
    elif words[0] == "open":
        memory = track_not(shared_memory.SharedMemory(name))
    elif words[0] == "read":
        at = int(words[1])
        return bytes(memory.buf[at : at + 4])
    elif words[0] == "write":
        at = int(words[1])
        memory.buf[at : at + 4] = int(words[2]).to_bytes(4, sys.byteorder, signed=True)
    elif words[0] == "size":
        return memory.size.to_bytes(4, sys.byteorder)
    elif words[0] == "close":
        memory.close()
    else:
        raise ValueError(words[0])
    return None


for line in sys.stdin:
    try:
        answer = run(line.split())
        print("ok" if answer is None else f"ok {int.from_bytes(answer, sys.byteorder, signed=True)}", flush=True)
    except Exception as error:  # whatever it is, the spec is told
        print("error", repr(error), flush=True)
