import contextlib
import threading

import pytest

from onnxcam.cli.job.pipeline import in_order, shared_processors


@pytest.mark.parametrize(
    ("processors", "images", "threads", "shares"),
    [
        (2, 1, None, (1, None)),  # a single image has all processors
        (2, 1, 3, (1, 3)),
        (2, 100, None, (2, 1)),
        (1, 100, None, (1, 1)),
        (16, 100, None, (8, 2)),
        (16, 3, None, (3, 5)),
        (16, 100, 4, (4, 4)),
        (2, 100, 8, (1, 8)),
    ],
)
def test_processors_are_shared(processors, images, threads, shares):
    assert shared_processors(processors, images, threads) == shares


def test_results_come_in_the_order_of_the_items_whichever_is_ready_first():
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(60)
        else:
            second_is_done.set()
        return item * 10

    assert [(item, result()) for item, result in in_order(work, range(6), 2)] == [(n, n * 10) for n in range(6)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_items_are_begun_than_the_window_holds(workers):
    drawn = []

    def items():
        for number in range(50):
            drawn.append(number)
            yield number

    for taken, (_, result) in enumerate(in_order(lambda item: item, items(), workers), 1):
        result()
        assert len(drawn) - taken < 2 * workers
    assert len(drawn) == 50


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_in_its_turn_and_stops_nobody(workers):
    def work(item: int) -> float:
        return 6 / item

    results = [result for _, result in in_order(work, [1, 0, 2], workers)]
    assert results[0]() == 6
    with pytest.raises(ZeroDivisionError):
        results[1]()
    assert results[2]() == 3


def test_one_worker_works_in_this_thread_and_only_when_asked():
    threads = []
    results = in_order(lambda _: threads.append(threading.current_thread()), [1, 2], 1)
    _, result = next(results)
    assert threads == []
    result()
    assert threads == [threading.current_thread()]


def test_what_is_not_begun_is_dropped_when_it_is_closed_and_the_rest_is_awaited():
    begun, may_end, ended = [], threading.Event(), []
    both_begun = threading.Barrier(3)

    def work(item: int) -> None:
        begun.append(item)
        both_begun.wait(60)
        may_end.wait(60)
        ended.append(item)

    with contextlib.closing(in_order(work, range(100), 2)) as results:
        next(results)
        both_begun.wait(60)
        threading.Timer(0.01, may_end.set).start()
    assert sorted(begun) == sorted(ended) == [0, 1]
