import dataclasses
from dataclasses import dataclass

import pytest

from onnxcam.errors import ModelError
from onnxcam.execution.graph_check import check_graph
from onnxcam.execution.session import open_session
from onnxcam.metadata import ImageInput, Layer


@dataclass
class Value:
    name: str
    type: str
    shape: list


@dataclass
class Graph:
    """Declares what ``pooled`` declares, but for what a test changes."""

    image: tuple = ("tensor(float)", ["N", 3, 8, 8])
    level: tuple | None = ("tensor(int64)", [])
    target: tuple = ("tensor(int64)", ["T"])
    scores: tuple = ("tensor(float)", ["N", 5])
    class_index: tuple = ("tensor(int64)", ["M"])
    activations: tuple = ("tensor(float)", ["A", 4, 8, 8])
    gradients: tuple = ("tensor(float)", ["B", 4, 8, 8])
    guided_gradients: tuple = ("tensor(float)", ["G", 3, 8, 8])

    def get_inputs(self):
        return [Value("image", *self.image)]

    def get_overridable_initializers(self):
        level = [] if self.level is None else [Value("onnxcam.level", *self.level)]
        return [*level, Value("onnxcam.target", *self.target)]

    def get_outputs(self):
        names = ("scores", "class_index", "guided_gradients")
        maps = [Value(f"onnxcam.{name}/features", *getattr(self, name)) for name in ("activations", "gradients")]
        return [*(Value(f"onnxcam.{name}", *getattr(self, name)) for name in names), *maps]


def test_the_graph_of_the_tests_is_good(pooled):
    check_graph(Graph(), pooled.metadata, "m.onnx")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"image": ("tensor(uint8)", ["N", 3, 8, 8])},
            "image of m.onnx is tensor(uint8) ['N', 3, 8, 8], and its metadata",
        ),
        ({"image": ("tensor(float)", ["N", 8, 8, 3])}, "promises float32 [N, 3, 8, 8]; export the model again"),
        ({"image": ("tensor(float)", ["N", 3, "h", "w"])}, "promises float32 [N, 3, 8, 8]"),
        ({"image": ("tensor(float)", [2, 3, 8, 8])}, "is tensor(float) [2, 3, 8, 8]"),
        ({"image": ("seq(tensor(float))", [])}, "is seq(tensor(float)) []"),
        ({"level": None}, "m.onnx lacks onnxcam.level, which its metadata promises"),
        ({"level": ("tensor(int64)", [1])}, "onnxcam.level"),
        ({"level": ("tensor(float)", [])}, "onnxcam.level"),
        ({"target": ("tensor(int64)", [])}, "onnxcam.target"),
        ({"scores": ("tensor(float)", ["N", 4])}, "onnxcam.scores of m.onnx is tensor(float) ['N', 4]"),
        ({"scores": ("tensor(float)", ["N", 5, 1])}, "onnxcam.scores"),
        ({"scores": ("tensor(string)", ["N", 5])}, "promises float16 or float32 or float64 [N, 5]"),
        ({"class_index": ("tensor(float)", ["M"])}, "onnxcam.class_index"),
        ({"activations": ("tensor(float)", ["A", 4, 7, 8])}, "onnxcam.activations/features"),
        ({"gradients": ("tensor(float)", ["A", 5, 8, 8])}, "onnxcam.gradients/features"),
        ({"guided_gradients": ("tensor(float)", ["A", 1, 8, 8])}, "onnxcam.guided_gradients"),
    ],
)
def test_a_graph_that_is_not_what_the_metadata_say(pooled, changes, words):
    with pytest.raises(ModelError) as caught:
        check_graph(Graph(**changes), pooled.metadata, "m.onnx")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["scores", "activations", "gradients", "guided_gradients"])
def test_outputs_may_leave_sizes_open_and_be_of_any_floating_point_type(pooled, name):
    shape = [None, *(["size"] * (len(getattr(Graph, name)[1]) - 1))]
    check_graph(Graph(**{name: ("tensor(float16)", shape)}), pooled.metadata, "m.onnx")
    check_graph(Graph(**{name: ("tensor(double)", shape)}), pooled.metadata, "m.onnx")


def test_a_fixed_batch_must_be_the_metadatas(pooled):
    image = dataclasses.replace(pooled.metadata.image, batch=2)
    metadata = dataclasses.replace(pooled.metadata, image=image)
    check_graph(Graph(image=("tensor(float)", [2, 3, 8, 8])), metadata, "m.onnx")
    check_graph(Graph(), metadata, "m.onnx")
    with pytest.raises(ModelError, match=r"promises float32 \[2, 3, 8, 8\]"):
        check_graph(Graph(image=("tensor(float)", [3, 3, 8, 8])), metadata, "m.onnx")


def test_a_flat_model_has_no_level(pooled):
    flat = dataclasses.replace(pooled.metadata, flat=True)
    check_graph(Graph(level=None), flat, "m.onnx")
    with pytest.raises(ModelError, match=r"has onnxcam\.level, though its metadata says that it is flat"):
        check_graph(Graph(), flat, "m.onnx")


@pytest.mark.parametrize(
    "lie",
    [
        {"image": ImageInput("probabilities", "NCHW", 3, 8, 8)},
        {"image": ImageInput("image", "NHWC", 3, 8, 8)},
        {"classes": 6, "labels": None},
        {"layers": (Layer("features", "features", (4, 4, 16)),)},
        {"flat": True},
    ],
)
def test_lies_about_a_real_model(rewritten, lie):
    with pytest.raises(ModelError, match=r"its metadata (promises|says)"):
        open_session(rewritten("pooled", **{"golden": None, "preprocessing": None} | lie))


def test_the_gradient_at_the_input_is_the_one_that_the_metadata_name(pooled):
    plain = dataclasses.replace(pooled.metadata, input_gradient="plain")
    with pytest.raises(ModelError, match=r"lacks onnxcam\.input_gradients, which its metadata promises"):
        check_graph(Graph(), plain, "m.onnx")


def test_names_that_are_no_text(data):
    model = (data / "pooled.onnx").read_bytes()
    for name in (b"image", b"probabilities"):
        with pytest.raises(ModelError, match="holds text that is not UTF-8"):
            open_session(model.replace(name, b"\xff" + name[1:]))
