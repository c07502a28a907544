"""Messages by the queues of multiprocessing, one in each direction."""

from multiprocessing import Queue, SimpleQueue

from messages import tasks

TASKS = tasks({"simple": SimpleQueue, "queue": Queue})
