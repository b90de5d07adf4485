"""Work over executors: every result once, closures included, and nothing left behind after an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from mfpde.tasks import completed, worker_pool


@pytest.fixture(scope="module", params=["here", "thread", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == "thread":
        with ThreadPoolExecutor(1) as threads:
            yield threads
    else:
        with worker_pool(2 if request.param == "processes" else 1) as pool:
            yield pool


def test_every_result_comes_once_with_its_place(executor: Executor | None) -> None:
    offset = 10
    results = list(completed(lambda a, b: a * b + offset, [(n, 2) for n in range(20)], executor))
    assert sorted(results) == [(n, 2 * n + offset) for n in range(20)]


def test_no_work_gives_nothing(executor: Executor | None) -> None:
    assert list(completed(lambda: 1, [], executor)) == []


def test_an_error_comes_back_as_it_was(executor: Executor | None) -> None:
    def reciprocal(n: int) -> float:
        return 1 / n

    with pytest.raises(ZeroDivisionError):
        list(completed(reciprocal, [(1,), (0,)], executor))


def test_other_processes_do_the_work() -> None:
    with worker_pool(2) as pool:
        processes = {pid for _, pid in completed(os.getpid, [()] * 8, pool)}
    assert os.getpid() not in processes


def test_one_worker_is_this_process() -> None:
    with worker_pool(1) as pool:
        assert pool is None


class Patient(Executor):
    """Finishes the first task it is given and keeps the others waiting."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.futures.append(future)
        if len(self.futures) == 1:
            future.set_result(function(*arguments))
        return future


def test_work_that_is_no_longer_wanted_is_cancelled() -> None:
    executor = Patient()
    results = completed(lambda n: n, [(n,) for n in range(3)], executor)
    assert next(results) == (0, 0)
    results.close()  # type: ignore[attr-defined]
    assert [future.cancelled() for future in executor.futures] == [False, True, True]
