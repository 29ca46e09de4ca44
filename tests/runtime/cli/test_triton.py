def test_the_written_folders_are_named(onnxcam, model, tmp_path):
    result = onnxcam("triton", model, tmp_path / "r", "--level", 1, "--level", 2, "--max-batch", 16)
    assert (result.code, result.err) == (0, "")
    names = ["pooled", "pooled_level1", "pooled_level2", "pooled.kserve.yaml"]
    assert result.out == "".join(f"saved {tmp_path / 'r' / name}\n" for name in names)
    assert "max_batch_size: 16\n" in (tmp_path / "r/pooled_level1/config.pbtxt").read_text()
    assert 'storageUri: "pvc://models/r"' in (tmp_path / "r/pooled.kserve.yaml").read_text()


def test_only_the_whole_contract_under_another_name(onnxcam, model, tmp_path):
    result = onnxcam("triton", model, tmp_path, "--no-batched", "--name", "v2", "--storage-uri", "s3://b/r")
    assert (result.code, result.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"here", "v2", "v2.kserve.yaml"}
    assert 'storageUri: "s3://b/r"' in (tmp_path / "v2.kserve.yaml").read_text()


def test_mistakes_are_one_line(onnxcam, data, model, tmp_path):
    taken = tmp_path / "file"
    taken.write_text("x")
    for arguments, words in [
        ((tmp_path / "none.onnx", tmp_path / "r"), "there is no model"),
        ((data / "coffee.jpg", tmp_path / "r"), "is not a model that ONNX Runtime can load"),
        ((model, tmp_path / "r", "--name", "../x"), "'../x' is no name for a model in Triton"),
        ((model, tmp_path / "r", "--name", ".."), "'..' is no name for a model in Triton"),
        ((data / "flat.onnx", tmp_path / "r", "--level", 1), "the model is flat, and always computes level 2"),
        ((model, taken), "cannot make the folder"),
    ]:
        assert words in onnxcam("triton", *arguments).sentence
    assert not (tmp_path / "r").exists()
