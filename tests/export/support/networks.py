"""Small networks for tests of everything but the mathematics."""

from __future__ import annotations

import torch
from torch import nn

from support.models import randomised


class Small(nn.Module):
    """A little of everything: batch norm, a strided convolution, overlapping pooling, ReLU6, a residual sum."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6())
        self.down = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(12, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.stem(x))
        x = self.relu(self.down(x + self.block(x)))
        return self.head(x.mean((2, 3)))


def small(classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    return randomised(Small(classes))
