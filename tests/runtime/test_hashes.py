from hashlib import sha256

from onnxcam import hashes
from onnxcam.hashes import file_sha256, model_sha256


def test_weights_in_other_files_belong_to_the_model(tmp_path, monkeypatch):
    model, weights = tmp_path / "m.onnx", tmp_path / "w"
    model.write_bytes(b"graph")
    monkeypatch.setattr(hashes, "locations", lambda _content: ["w"])
    weights.write_bytes(b"1")
    before = model_sha256(model)
    weights.write_bytes(b"2")
    assert len({before, model_sha256(model), file_sha256(model)}) == 3


def test_a_model_in_one_file_has_the_hash_of_its_bytes(data):
    model = data / "pooled.onnx"
    whole = model.read_bytes()
    assert model_sha256(model) == model_sha256(whole) == file_sha256(model) == sha256(whole).hexdigest()
