import subprocess
import sys

import pytest

CODE = """if True:
    import numpy as np
    from onnxcam.serving.running.memory import return_large_buffers
    if {learns}:
        return_large_buffers()

    def resident():
        fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
        return int(fields["VmRSS"].split()[0]) / 1024

    np.ones(20 * 2**20, np.uint8)  # from now on the C library would keep buffers of this size
    before = resident()
    buffers, kept = [], []
    for _ in range(10):
        buffers.append(np.ones(8 * 2**20, np.uint8))
        kept.append(np.ones(2**18, np.uint8))  # between them
    buffers.clear()
    print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is of Linux's C library")
def test_large_buffers_are_returned_though_others_lie_between_them():
    def grown(code: str) -> float:
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    assert grown(CODE.format(learns=True)) < 10
    assert grown(CODE.format(learns=False)) > 40
