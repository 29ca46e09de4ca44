"""The benchmark can be run; its timings decide nothing here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import environment, profiling, report
from bench.configurations import GROUPS, NETWORKS, Configuration, plan
from bench.results import Results
from bench.targets import TARGETS

REPOSITORY = Path(__file__).parents[2]
CODE = "12345678"


@pytest.fixture
def results(tmp_path):
    """Resnet50 in 100 ms, level 2 in 210 ms with a profile, a second round, disturbed, and a peer that failed."""
    node = {
        "where": "forward",
        "kind": "Conv",
        "provider": "CPU",
        "count": 2,
        "seconds": 0.1,
        "flop": 2e9,
        "bytes": 1e6,
    }
    lines = [
        {"code": "of old", "configuration": {"kind": "plain"}, "round": 0, "seconds": {"median": 9.0}},
        {"machine": environment.machine(), "threads": 2},
        *(
            {"code": CODE, "configuration": {"kind": kind}, "round": turn, "seconds": {"median": seconds}, **more}
            for turn, off in enumerate((0.0, 0.02))
            for kind, seconds, more in (
                ("plain", 0.1 + off, {"creation": 0.2, "resident": 100.0}),
                ("level0", 0.101 + off, {"creation": 0.3, "resident": 110.0}),
                ("level2", 0.21 + off, {"creation": 0.4, "resident": 150.0, "maps": 0.01}),
                ("captum-guided-grad-cam", 0.88 + off, {}),
            )
        ),
        {"code": CODE, "configuration": {"kind": "profile:level2"}, "round": 0, "nodes": [node]},
        {"code": CODE, "configuration": {"kind": "onnx-ad"}, "round": 0, "error": "UnsupportedOperator: Conv"},
    ]
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_targets_are_judged_by_the_least_disturbed_round(results):
    found = Results(results)
    figures = {(t.what, t.limit): (t.figures(found), t.missed(found)) for t in TARGETS}
    assert figures["level 0", 1.02] == ({"resnet50": 1.01}, [])
    assert figures["level 2", 2.0] == ({"resnet50": 2.1}, ["resnet50"])
    assert figures["level 2", 2.3] == ({}, [])
    assert figures["session creation", 2.5] == ({"resnet50": 2.0}, [])
    assert figures["resident memory after level 2, without onnxcam's executor", 1.6] == ({"resnet50": 1.5}, [])
    assert figures["Guided Grad-CAM, faster than captum", 4] == ({"resnet50": 4.0}, [])


def test_results_of_an_older_executor_are_left_out(results):
    with results.open("a", encoding="utf-8") as file:
        for state, resident in (("old", 900.0), ("new", 200.0)):
            line = {"code": f"{CODE}-{state}", "configuration": {"kind": "memory:level2"}, "round": 0}
            file.write(json.dumps({**line, "resident": resident}) + "\n")
    found = Results(results)
    assert found.number(Configuration("memory:level2"), "resident") == 200
    assert found.number(Configuration("plain"), "resident") == 100


def test_report_goes_between_the_markers_and_shows_the_profile_of_what_is_missed(results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.write(results, tmp_path, readme)
    report.write(results, tmp_path, readme)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    assert "| level 2 | ≤ 2 \N{MULTIPLICATION SIGN} | resnet50 2.10 | **not resnet50** |" in text
    document = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "| forward | Conv | 2 | 100.00 | 2.00 | 20 | 1.0 | 0.0 |" in document
    assert "UnsupportedOperator: Conv" in document


def test_plan_measures_each_configuration_once_in_a_set():
    sets = plan(list(NETWORKS), list(GROUPS))
    for turns in sets:
        assert len(set(turns)) == len(turns)
    assert Configuration("level2", "vgg16") in {c for turns in sets for c in turns}


def test_profile_tells_the_gradient_from_the_forward_pass():
    def event(name, kind, start, duration, **args):
        return {
            "name": f"{name}_kernel_time",
            "cat": "Node",
            "ts": start,
            "dur": duration,
            "args": {"op_name": kind, **args},
        }

    shapes = {
        "input_type_shape": [{"float": [1, 8, 5, 5]}, {"float": [16, 8, 3, 3]}],
        "output_type_shape": [{"float": [1, 16, 3, 3]}],
    }
    run = {"name": "model_run", "cat": "Session", "ts": 0, "dur": 100}
    gate, inside = event("onnxcam/If_1", "If", 50, 40), event("explain/onnxcam/Conv_2", "Conv", 60, 20, **shapes)
    moved = event("ReorderOutput_token_4", "ReorderOutput", 80, 5)
    outside = event("explain/Relu_3", "Relu", 10, 30, output_size="7", activation_size="3")
    events = [run] * 10 + [outside, inside, moved, gate]
    found = {row["where"]: row for row in profiling.rows(events, {inside["name"]: inside["args"]})}
    assert set(found) == {"forward", "gradient", "layout"}
    assert found["gradient"]["flop"] == pytest.approx(2 * 16 * 9 * 8 * 9 / 10)
    assert found["forward"]["bytes"] == pytest.approx(1)


def test_worker_measures_a_tiny_network_in_its_own_process(tmp_path):
    environment_ = {**os.environ, "BENCH_CACHE": str(tmp_path)}

    def module(*arguments):
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, cwd=REPOSITORY, env=environment_, capture_output=True, text=True, check=True
        ).stdout

    module("bench.networks", "tiny", "32", "float32", "explainer")
    configuration = Configuration("level2", "tiny", size=32, batch=2, targets=2)
    measured = json.loads(module("bench.worker", configuration.to_json(), "1", "0.01"))
    assert measured["seconds"]["runs"] >= 3
    assert 0 < measured["seconds"]["min"] <= measured["seconds"]["median"] <= measured["seconds"]["p99"]
    assert measured["maps"] > 0
    assert measured["bytes"] > 0
