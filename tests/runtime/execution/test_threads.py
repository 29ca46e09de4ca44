import os

import numpy as np
import pytest

from onnxcam.errors import ProviderError
from onnxcam.execution import threads
from onnxcam.execution.threads import checked_threads, threads_for_quota


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)), raising=False)


def groups(root, lines: str, files: dict[str, str]):
    """A system's files under a folder."""
    for name, text in {
        "proc/self/cgroup": lines,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "800000 100000\n"}, None),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/../../x\n", {"cpu.max": "100000 100000\n"}, 1),
        (
            "4:memory:/\n3:cpu,cpuacct:/docker/1\n",
            {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (
            "3:cpu,cpuacct:/d\n",
            {"cpu,cpuacct/d/cpu.cfs_quota_us": "50000", "cpu,cpuacct/d/cpu.cfs_period_us": "50000"},
            1,
        ),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("nonsense\n", {}, None),
        ("0::/\n", {"cpu.max": "1 0\n"}, None),
    ],
)
def test_a_containers_quota(tmp_path, lines, files, expected):
    assert threads_for_quota(groups(tmp_path, lines, files)) == expected


def test_no_control_groups(tmp_path, monkeypatch):
    assert threads_for_quota(tmp_path) is None
    monkeypatch.delattr(os, "sched_getaffinity")
    assert threads_for_quota(tmp_path) is None


def test_a_whole_number_of_threads():
    assert checked_threads(3) == checked_threads(np.int64(3)) == 3
    for wrong, words in {
        0: "not 0",
        -1: "not -1",
        10**9: "at most 1024",
        "2": "whole number, not '2'",
        2.5: "not 2.5",
    }.items():
        with pytest.raises(ProviderError, match=words):
            checked_threads(wrong)


def test_this_machine_can_be_asked():
    assert threads_for_quota() is None or threads_for_quota() >= 1
    assert threads._processors() == 8
