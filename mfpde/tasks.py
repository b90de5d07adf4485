"""Independent pieces of work, in this process or over any ``concurrent.futures.Executor``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from typing import Any

__all__ = ["completed", "worker_pool"]


@lru_cache(maxsize=2)
def _shared(payload: bytes) -> Any:
    import cloudpickle

    return cloudpickle.loads(payload)


def _call(shared: bytes, arguments: bytes) -> Any:
    """What a worker runs: unpack the function with what all its calls share, and apply it."""
    import cloudpickle

    return _shared(shared)(*cloudpickle.loads(arguments))


def completed(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], executor: Executor | None
) -> Iterator[tuple[int, Any]]:
    """Pairs (place, ``function(*arguments[place])``) in the order in which they are done.

    Functions and arguments travel as cloudpickle bytes, so closures and lambdas of a notebook may be part
    of them; a worker unpacks the function once. ``executor=None`` computes one after the other, here.
    """
    if executor is None:
        for place, values in enumerate(arguments):
            yield place, function(*values)
        return
    import cloudpickle

    shared = cloudpickle.dumps(function)
    futures = {
        executor.submit(_call, shared, cloudpickle.dumps(values)): i for i, values in enumerate(arguments)
    }
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor | None]:
    """An executor of that many processes; ``None``, which stands for this process, for one."""
    if workers == 1:
        yield None
        return
    # Ctrl-C reaches every process of a terminal; only this one decides what becomes of the run
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, ignore) as executor:
        yield executor
