"""The network: a residual net that sees a picture and says four things about it."""

import torch
import torch.nn.functional as F
from torch import nn

# Channels and blocks at 64 x 64, 32 x 32, 16 x 16 and 8 x 8 pixels.
STAGES = ((48, 2), (80, 2), (112, 2), (128, 1))
# What is kept of the last maps, and how many numbers are made of them.
KEPT, HIDDEN = 32, 128


class Block(nn.Module):
    """Two convolutions around which the input goes unchanged, or through one of 1 x 1."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        nn.init.zeros_(self.norm2.weight)
        self.skip = nn.Identity()
        if stride != 1 or inside != outside:
            self.skip = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.skip(x) + self.norm2(self.conv2(h)))


def figure(pictures):
    """One map [b, 1, h, w] that is about 0 where a picture has the colour of its border and 1 where it has the
    colour that differs most, whatever the two are.

    So a shape need not be learned once for every pair of colours: without it the net learned shapes much later.
    """
    edges = [pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1]]
    away = pictures - torch.cat(edges, 2).mean(2)[:, :, None, None]
    weight = away.square().sum(1, keepdim=True)
    # Squares as weights: pixels that differ much say in which direction, those that are mere noise do not.
    direction = (away * weight).sum((2, 3), keepdim=True) / (weight.sum((2, 3), keepdim=True) + 1e-3)
    length = direction.square().sum(1, keepdim=True) + 1e-3
    return (away * direction).sum(1, keepdim=True) / length


class Classifier(nn.Module):
    """Pictures [b, 3, 64, 64] from 0 to 1 to one row of logits for each of `counts` [b, count].

    The last maps are not averaged over the picture: how big a shape is shows in where its edges lie.
    """

    def __init__(self, counts: list[int]):
        super().__init__()
        first = STAGES[0][0]
        self.stem = nn.Sequential(
            nn.Conv2d(4, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        blocks, inside = [], first
        for width, depth in STAGES:
            for _ in range(depth):
                blocks.append(Block(inside, width, 1 if width in (first, inside) else 2))
                inside = width
        self.blocks = nn.Sequential(*blocks)
        self.keep = nn.Sequential(
            nn.Conv2d(inside, KEPT, 1, bias=False), nn.BatchNorm2d(KEPT), nn.ReLU()
        )
        self.hidden = nn.Sequential(nn.Linear(KEPT * 8 * 8, HIDDEN), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(HIDDEN, count) for count in counts)

    def forward(self, pictures):
        h = torch.cat([pictures * 4 - 2, figure(pictures) * 2 - 1], 1)
        h = self.keep(self.blocks(self.stem(h)))
        h = self.hidden(h.flatten(1))
        return [head(h) for head in self.heads]


class Scored(nn.Module):
    """The same with scores that add up to 1 per row, as the graph gives them."""

    def __init__(self, net: Classifier):
        super().__init__()
        self.net = net

    def forward(self, pictures):
        return tuple(logits.softmax(-1) for logits in self.net(pictures))
