import numpy as np
import onnxruntime
import pytest

from onnxcam import Explainer, ModelError, OutputError
from onnxcam.artifact.adapt import adapt
from onnxcam.triton.repository import Repository


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def repository(data, tmp_path):
    return Repository(tmp_path / "models", data / "pooled.onnx", "pooled")


def test_the_folders_and_files(repository):
    made = repository.write([1, 2], 4, "s3://x")
    folder = repository.folder
    names = ["pooled", "pooled_level1", "pooled_level2"]
    assert made == [*(folder / name for name in names), folder / "pooled.kserve.yaml"]
    each = ["config.pbtxt", "labels.txt", "1/model.onnx"]
    assert files(folder) == {"pooled.kserve.yaml", *(f"{name}/{file}" for name in names for file in each)}
    assert (folder / "pooled/1/model.onnx").read_bytes() == repository.model.read_bytes()
    assert "max_batch_size: 4\n" in (folder / "pooled_level2/config.pbtxt").read_text()
    labels = Explainer(repository.model).labels
    assert (folder / "pooled_level1/labels.txt").read_text().splitlines() == list(labels)


def test_the_batched_form_needs_a_class_for_each_image_and_gives_its_row(repository):
    repository.write([1], 8, "s3://x")
    session = onnxruntime.InferenceSession(str(repository.folder / "pooled_level1/1/model.onnx"))
    assert [value.name for value in session.get_inputs()] == ["image", "onnxcam.target"]
    image, target = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32), np.array([4, 0, 2])
    (gradients,) = session.run(["onnxcam.gradients/features"], {"image": image, "onnxcam.target": target})
    for row in range(3):
        alone = Explainer(repository.model, threads=1).run(image[row : row + 1], int(target[row]), level=1)
        np.testing.assert_allclose(gradients[row], alone.gradients["features"][0], rtol=1e-6)


def test_writing_again_replaces_what_onnxcam_made(repository):
    repository.write([1], 8, "s3://x")
    repository.write([1], 2, "s3://x")
    assert "max_batch_size: 2\n" in (repository.folder / "pooled_level1/config.pbtxt").read_text()


def test_an_interrupted_writing_is_taken_up(repository):
    repository.write([], 8, "s3://x")
    (repository.folder / "pooled/config.pbtxt").unlink()
    repository.write([], 8, "s3://x")
    assert (repository.folder / "pooled/config.pbtxt").is_file()


def test_somebody_elses_model_is_not_replaced(repository):
    other = repository.folder / "pooled"
    other.mkdir(parents=True)
    (other / "config.pbtxt").write_text('name: "pooled"')
    with pytest.raises(OutputError, match=r"holds what onnxcam did not make; give another --name$"):
        repository.write([], 8, "s3://x")
    assert files(repository.folder) == {"pooled/config.pbtxt"}


def test_a_form_that_the_model_does_not_have_is_refused_before_anything_is_written(data, tmp_path):
    fixed = tmp_path / "fixed.onnx"
    fixed.write_bytes(adapt(data / "pooled.onnx", level=1))
    required = tmp_path / "required.onnx"
    required.write_bytes(adapt(data / "pooled.onnx", inputs="required"))
    folder = tmp_path / "models"
    for model, levels, words in [
        (fixed, [2], "fixed at 1 already"),
        (required, [1], "has required inputs, and its defaults are gone"),
        (data / "flat.onnx", [1], "is flat, and always computes level 2"),
    ]:
        with pytest.raises(ModelError, match=words):
            Repository(folder, model, "m").write(levels, 8, "s3://x")
    assert not folder.exists()


@pytest.mark.parametrize(("model", "level"), [("pooled", 1), ("flat", 2)])
def test_the_level_that_is_not_named(data, tmp_path, model, level):
    made = Repository(tmp_path, data / f"{model}.onnx", "m").write(None, 8, "s3://x")
    assert [path.name for path in made] == ["m", f"m_level{level}", "m.kserve.yaml"]


def test_a_fixed_level_is_that_of_the_batched_form(data, tmp_path):
    fixed = tmp_path / "fixed.onnx"
    fixed.write_bytes(adapt(data / "pooled.onnx", level=2))
    made = Repository(tmp_path / "models", fixed, "m").write(None, 8, "s3://x")
    assert made[1].name == "m_level2"


def test_outputs_that_a_fixed_level_never_gives_are_left_out(data, tmp_path):
    (tmp_path / "fixed.onnx").write_bytes(adapt(data / "pooled.onnx", level=1))
    Repository(tmp_path / "models", tmp_path / "fixed.onnx", "fixed").write([], 8, "s3://x")
    configuration = (tmp_path / "models/fixed/config.pbtxt").read_text()
    assert "onnxcam.gradients/features" in configuration
    assert "onnxcam.guided_gradients" not in configuration


def test_required_inputs_are_not_optional_in_the_configuration(data, tmp_path):
    required = tmp_path / "required.onnx"
    required.write_bytes(adapt(data / "pooled.onnx", inputs="required"))
    Repository(tmp_path / "models", required, "m").write([], 8, "s3://x")
    assert "optional" not in (tmp_path / "models/m/config.pbtxt").read_text()
