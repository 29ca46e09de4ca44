"""Works on many items in threads, a bounded number at a time, and gives the results in the items' order.

ONNX Runtime, Pillow and zlib release Python's lock, so threads keep all cores busy: a whole image in each thread, with
one thread for its run, needs no hand-over between cores.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

    Item = TypeVar("Item")
    Result = TypeVar("Result")

# Beyond this, threads wait for Python's lock more than they gain.
_MOST_WORKERS = 8
# Items that are begun and not taken yet, for each worker: one in work, and one ready or waiting. It bounds the memory.
_WINDOW = 2


def shared_processors(processors: int, images: int, threads: int | None) -> tuple[int, int | None]:
    """Shares the processors between images at the same time and the threads of each run.

    Args:
        processors: The processors that may be used.
        images: The images of the job.
        threads: The threads of one run that the user asked for; None leaves it open.

    Returns:
        The number of workers, and the threads of one run; None for as many as ONNX Runtime takes.
    """
    if images == 1:
        return 1, threads
    workers = max(1, min(processors // (threads or 1), images, _MOST_WORKERS))
    return workers, threads or max(1, processors // workers)


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[tuple[Item, Callable[[], Result]]]:
    """Begins the work on items in threads, and yields the items in their order.

    Close it when an error ends the job: work that has not begun is then dropped, and the rest is awaited.

    Args:
        work: Called with each item, in a thread.
        items: Drawn in this thread, at most two for each worker ahead of the item that was yielded.
        workers: The number of threads; one works in this thread.

    Yields:
        Each item, and a function that waits for its result and returns it, or raises its error.
    """
    if workers == 1:
        for item in items:
            yield item, partial(work, item)
        return
    pool = _started(workers)
    begun: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            begun.append((item, pool.submit(work, item)))
            if len(begun) == _WINDOW * workers:
                yield _taken(begun)
        while begun:
            yield _taken(begun)
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _started(workers: int) -> ThreadPoolExecutor:
    """A pool whose threads run. A signal while one starts could lose it, and then nobody would await its work."""
    pool, together = ThreadPoolExecutor(workers, thread_name_prefix="onnxcam"), threading.Barrier(workers)
    try:
        for future in [pool.submit(together.wait) for _ in range(workers)]:
            future.result()
    except BaseException:
        together.abort()
        pool.shutdown()
        raise
    return pool


def _taken(begun: deque[tuple[Item, Future[Result]]]) -> tuple[Item, Callable[[], Result]]:
    item, future = begun.popleft()
    return item, future.result
