"""Eight threads on one model: levels, forms, targets and seeds in any mixture give what each gives alone.

``SOAK=120 pytest tests/runtime/test_threads.py`` goes on for 120 seconds.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import onnxcam
from onnxcam import targets
from onnxcam.execution.bundled import default_model

THREADS = 8
SECONDS = float(os.environ.get("SOAK", "0"))

FORMS: dict[str, dict[str, Any]] = {"drop-in": {}, "required": {"inputs": "required"}, "fixed": {"level": 2}}
LINEAR = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
TARGETS = [
    967,
    "espresso",
    [-1, -2, 285],
    targets.Contrast(967, 968),
    targets.Probability(285),
    [targets.Linear(LINEAR), 967],
    [targets.Negative(967), targets.Linear(-LINEAR)],
]


@dataclass(frozen=True)
class Request:
    """One run: an image, or a tensor of several."""

    form: str
    image: str
    target: Any
    level: Any

    def run(self, explainers: dict[str, onnxcam.Explainer], images: dict[str, Any]) -> dict[str, Any]:
        explainer, image = explainers[self.form], images[self.image]
        run = explainer.run if isinstance(image, np.ndarray) else explainer.explain
        explanation = run(image, self.target, level=self.level)
        arrays = {
            "scores": explanation.scores,
            "class_index": explanation.class_index,
            "guided": explanation.guided,
            **explanation.activations,
            **{f"gradients of {layer}": values for layer, values in explanation.gradients.items()},
        }
        if self.level:
            arrays |= {"grad-cam": explanation.map("grad-cam"), "layer-cam": explanation.map("layer-cam")}
        return arrays


def requests() -> list[Request]:
    one = [
        Request(form, image, target, level)
        for number, (form, target, level) in enumerate(itertools.product(FORMS, TARGETS, (0, 1, 2)))
        for image in [("chelsea", "coffee", "rocket")[number % 3]]
    ]
    return one + [Request(form, "batch", [-1, 967, 285], level) for form in FORMS for level in (0, 1, 2)]


@pytest.fixture(scope="module")
def explainers():
    content = default_model().read_bytes()
    return {
        name: onnxcam.Explainer(onnxcam.adapt(content, **how) if how else content, threads=1)
        for name, how in FORMS.items()
    }


@pytest.fixture(scope="module")
def images(data):
    names = ("chelsea", "coffee", "rocket")
    batch = np.random.default_rng(1).standard_normal((3, 3, 224, 224)).astype(np.float32)
    return {name: (data / f"{name}.jpg").read_bytes() for name in names} | {"batch": batch}


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    return [name for name in expected if not np.array_equal(found[name], expected[name])]


def test_eight_threads_get_what_one_gets(explainers, images):
    every = requests()
    alone = [request.run(explainers, images) for request in every]
    together, end = threading.Barrier(THREADS), time.monotonic() + SECONDS

    def work(thread: int) -> int:
        rng, runs = np.random.default_rng(thread), 0
        together.wait(60)
        while runs == 0 or time.monotonic() < end:
            share = rng.permutation(len(every)) if SECONDS else rng.permutation(len(every))[: len(every) // 6]
            for index in share:
                assert differences(every[index].run(explainers, images), alone[index]) == [], every[index]
                runs += 1
        return runs

    with ThreadPoolExecutor(THREADS) as pool:
        runs = list(pool.map(work, range(THREADS)))
    assert min(runs) >= len(every) // 6
    if SECONDS:
        print(f"{sum(runs)} runs in {THREADS} threads")  # noqa: T201  shown with pytest -s


def test_a_difference_would_be_seen(explainers, images):
    first, second = requests()[:2]
    assert differences(first.run(explainers, images), first.run(explainers, images)) == []
    assert "scores" in differences(second.run(explainers, images), first.run(explainers, images))


def test_a_model_that_is_closed_ends_no_run_that_has_begun(images):
    explainer = onnxcam.Explainer(threads=1)
    expected = explainer.explain(images["coffee"], 967).guided
    begun = threading.Event()

    def work(_: int) -> list[Any]:
        answers = []
        try:
            for _ in range(20):
                answers.append(explainer.explain(images["coffee"], 967).guided)
                begun.set()
        except onnxcam.ModelError as error:
            assert "the explainer is closed" in str(error)  # noqa: PT017  a run may also end before it is closed
        return answers

    with ThreadPoolExecutor(4) as pool:
        results = pool.map(work, range(4))
        assert begun.wait(60)
        explainer.close()
        answers = [answer for part in results for answer in part]
    assert answers
    assert all(np.array_equal(answer, expected) for answer in answers)
