import numpy as np
import pytest

from onnxcam.evaluation.conventions import ONNXCAM, OPENVINO_XAI
from onnxcam.evaluation.metrics import adcc
from onnxcam.evaluation.records import Key, Measured, Record
from onnxcam.evaluation.summary import compare, mean_curve, summarise


def record(number, **maps):
    return Record(Key(str(number), "", ""), "", 0, "", 1.0, None, maps)


def of(deletion=0.5, insertion=0.5, road=0.0, coherency=0.5, complexity=0.5, drop=0.5, **others):
    known = {
        "deletion": deletion,
        "insertion": insertion,
        "road": road,
        "coherency": coherency,
        "complexity": complexity,
        "drop": drop,
        "adcc": float(adcc(coherency, complexity, drop)),
    }
    return Measured({**known, **others}, [1, deletion], [deletion, 1])


def test_means_are_of_the_images_that_have_a_metric():
    records = [record(0, a=of(deletion=0.2, energy=1)), record(1, a=of(deletion=0.4))]
    found = summarise(records, "a", ONNXCAM)
    assert found["deletion"].mean == pytest.approx(0.3)
    assert (found["deletion"].low, found["deletion"].high) == pytest.approx((0.2, 0.4))
    assert found["energy"].mean == 1
    assert "pointing" not in found


def test_adcc_of_means_is_not_the_mean_of_adcc():
    records = [record(0, a=of(drop=0.1)), record(1, a=of(drop=0.9))]
    assert summarise(records, "a", OPENVINO_XAI)["adcc"].mean == pytest.approx(0.5)
    assert summarise(records, "a", ONNXCAM)["adcc"].mean == pytest.approx((3 / (4 + 1 / 0.9) + 3 / (4 + 1 / 0.1)) / 2)


def test_a_method_beats_a_baseline_if_it_is_better_beyond_doubt():
    random = np.random.default_rng(0)
    hard = random.random(20)  # images differ more than the maps do, so only pairs can tell
    records = [
        record(
            n, a=of(deletion=0.3 * value, insertion=value), b=of(deletion=0.3 * value + 0.02, insertion=value + noise)
        )
        for n, (value, noise) in enumerate(zip(hard, random.normal(0, 0.1, 20), strict=True))
    ]
    found = {one.metric: one for one in compare(records, ["a"], ["b"], ONNXCAM)}
    assert found["deletion"].beats
    assert found["deletion"].gain.mean == pytest.approx(0.02)
    assert not found["insertion"].beats
    backwards = {one.metric: one for one in compare(records, ["b"], ["a"], ONNXCAM)}
    assert not backwards["deletion"].beats
    assert backwards["deletion"].gain.mean == pytest.approx(-0.02)


def test_curves_are_averaged():
    records = [record(0, a=of(deletion=0.2)), record(1, a=of(deletion=0.4))]
    assert mean_curve(records, "a", "deletion") == pytest.approx([1, 0.3])
    assert mean_curve([], "a", "deletion") == []
