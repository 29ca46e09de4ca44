import pytest

from onnxcam.serving.running import sizes


@pytest.mark.parametrize(("cores", "runs", "threads"), [(1, 1, 1), (2, 2, 1), (4, 4, 1), (6, 4, 1), (64, 4, 16)])
def test_all_processors_are_used_and_none_twice(monkeypatch, cores, runs, threads):
    monkeypatch.setattr(sizes, "processors", lambda: cores)
    assert (sizes.default_runs(), sizes.default_threads(runs)) == (runs, threads)


def test_runs_that_are_chosen_share_the_processors(monkeypatch):
    monkeypatch.setattr(sizes, "processors", lambda: 8)
    assert [sizes.default_threads(runs) for runs in (1, 2, 8, 100)] == [8, 4, 1, 1]
