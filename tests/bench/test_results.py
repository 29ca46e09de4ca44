from __future__ import annotations

from bench.configurations import Configuration
from bench.results import Results


def test_of_times_the_least_disturbed_round_counts_and_of_all_else_the_median(write, measured):
    rounds = [(0.12, 300.0), (0.1, 100.0), (0.3, 110.0)]
    lines = [measured("plain", seconds, turn=turn, peak=peak) for turn, (seconds, peak) in enumerate(rounds)]
    found = Results(write(*lines))
    assert found.seconds(Configuration("plain")) == 0.1
    assert found.number(Configuration("plain"), "peak") == 110
    assert found.rounds == 3


def test_results_of_an_older_state_of_the_code_are_left_out(write, measured):
    found = Results(write(measured("plain", 0.01, code="of old"), measured("level0", 0.2, code="new")))
    assert found.configurations == [Configuration("level0")]
    assert found.seconds(Configuration("plain")) is None


def test_an_error_counts_only_where_no_round_succeeded(write, measured):
    lines = [measured("grad-cam", error="no CUDA"), measured("autograd", error="killed"), measured("autograd", 0.3)]
    assert Results(write(*lines)).errors == {Configuration("grad-cam"): "no CUDA"}
