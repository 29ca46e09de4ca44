"""Small detectors with the heads of published families, on three scales of 64 by 64 pixels."""

from __future__ import annotations

import torch
from torch import nn

STRIDES = (8, 16, 32)
CLASSES, BINS = 3, 4


def block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.SiLU())


class Pyramid(nn.Module):
    """Maps of 8, 4 and 2 places: down, up again with the maps on the way, and down again, as YOLO's neck does."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(block(3, 8, 4), block(8, 8, 2))
        self.down1, self.down2 = block(8, 12, 2), block(12, 16, 2)
        self.up1, self.up2 = block(16 + 12, 12), block(12 + 8, 8)
        self.again1, self.again2 = block(8, 8, 2), block(12, 12, 2)
        self.out1, self.out2 = block(8 + 12, 12), block(12 + 16, 16)

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        c3 = self.stem(x)
        c4 = self.down1(c3)
        c5 = self.down2(c4)
        p4 = self.up1(torch.cat([nn.functional.interpolate(c5, scale_factor=2.0), c4], 1))
        p3 = self.up2(torch.cat([nn.functional.interpolate(p4, scale_factor=2.0), c3], 1))
        n4 = self.out1(torch.cat([self.again1(p3), p4], 1))
        return [p3, n4, self.out2(torch.cat([self.again2(n4), c5], 1))]


LAYERS = ["up2", "out1", "out2"]
WIDTHS = (8, 12, 16)


class Detector(Pyramid):
    """The pyramid and, for each scale, a branch of class scores and one of boxes."""

    def __init__(self, scores: int, boxes: int) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.scores = nn.ModuleList(nn.Sequential(block(k, k), nn.Conv2d(k, scores, 1)) for k in WIDTHS)
        self.boxes = nn.ModuleList(nn.Sequential(block(k, k), nn.Conv2d(k, boxes, 1)) for k in WIDTHS)
        for module in self.modules():  # so that classes and boxes differ from place to place
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 1, 3)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        for branch in (*self.scores, *self.boxes):
            nn.init.normal_(branch[1].weight, std=1)
        self.eval()

    def predictions(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        maps = self.maps(x)
        scores = [branch(p) for branch, p in zip(self.scores, maps, strict=True)]
        return scores, [branch(p) for branch, p in zip(self.boxes, maps, strict=True)]


def centres() -> torch.Tensor:
    """Those of all cells, [2, A], and their strides, [1, A]."""
    parts = []
    for stride in STRIDES:
        side = torch.arange(64 // stride)
        y, x = torch.meshgrid(side, side, indexing="ij")
        parts.append(torch.stack([x, y, torch.full_like(x, 0)]).flatten(1) + torch.tensor([[0.5], [0.5], [stride]]))
    return torch.cat(parts, 1)


class YoloV8(Detector):
    """[N, 4 + C, A]: distances as means of distributions, boxes as centre and size in pixels, sigmoid scores."""

    def __init__(self) -> None:
        super().__init__(CLASSES, 4 * BINS)
        self.register_buffer("cells", centres())
        self.register_buffer("bins", torch.arange(float(BINS)).view(1, BINS, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores, boxes = self.predictions(x)
        joined = torch.cat([torch.cat([b, s], 1).flatten(2) for b, s in zip(boxes, scores, strict=True)], 2)
        distributions, classes = joined.split([4 * BINS, CLASSES], 1)
        shares = distributions.unflatten(1, (4, BINS)).transpose(1, 2).softmax(1)
        left_top, right_bottom = (shares * self.bins).sum(1).chunk(2, 1)
        low, high = self.cells[:2] - left_top, self.cells[:2] + right_bottom
        return torch.cat([torch.cat([(low + high) / 2, high - low], 1) * self.cells[2:], classes.sigmoid()], 1)


class PicoDet(Detector):
    """For each scale sigmoid scores, [N, A, C], and distributions of distances, [N, A, 4 R]."""

    def __init__(self) -> None:
        super().__init__(CLASSES, 4 * BINS)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        scores, boxes = self.predictions(x)
        named = {f"scores{i}": s.flatten(2).transpose(1, 2).sigmoid() for i, s in enumerate(scores)}
        return named | {f"boxes{i}": b.flatten(2).transpose(1, 2) for i, b in enumerate(boxes)}


class Ssd(Detector):
    """Logits of the background and C classes, [N, A, 1 + C], and offsets of priors, [N, A, 4]."""

    def __init__(self) -> None:
        super().__init__(1 + CLASSES, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores, boxes = self.predictions(x)
        joined = [torch.cat([one.flatten(2) for one in each], 2).transpose(1, 2) for each in (scores, boxes)]
        return joined[0], joined[1]


class Maps(Detector):
    """Raw maps: logits [N, C, h, w], boxes [N, 4, h, w] and objectness [N, 1, h, w] of one scale."""

    def __init__(self) -> None:
        super().__init__(CLASSES, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores, boxes = self.predictions(x)
        return scores[0], boxes[0][:, :4], boxes[0][:, 4:]
