"""What classify is taught: drawings like sketch's, spoilt in many ways, and what they show.

The shapes and colours are those of models/sketch/train/data.py. Nothing is stored: a batch is drawn from a
seeded generator, sharp and exact at first, and then turned, moved, tinted, lit, blurred and made noisy.
"""

import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.append(str(Path(__file__).parent.parent.parent / "sketch" / "train"))
from data import COLOURS, PALETTE, SHAPES, SIDE, SIZES, Generator  # noqa: E402

# What the graph says, in the order of its outputs. "none" is a picture without one clear shape.
LABELS = {
    "shape": [*SHAPES, "none"],
    "colour": COLOURS,
    "size": SIZES,
    "background": COLOURS,
}
NONE = len(SHAPES)
# Twice the radius in pixels, both ends included. The gaps are where nobody could say which size it is.
HALVES = {"small": (17, 26), "medium": (28, 35), "big": (37, 49)}
# How many of the pictures show no clear shape.
NONE_PART = 0.1
# A label that is not to be judged: nobody can say how big nothing is.
UNSAID = -1


class Pictures:
    """Draws batches."""

    def __init__(self, seed: int):
        self.random = torch.Generator().manual_seed(seed)
        masks = Generator(seed).masks
        self.first = min(half for _, half in masks)
        last = max(half for _, half in masks)
        self.masks = torch.stack(
            [
                torch.stack([torch.from_numpy(masks[shape, half]) for half in range(self.first, last + 1)])
                for shape in SHAPES
            ]
        )
        self.palette = torch.tensor(list(PALETTE.values()), dtype=torch.float32) / 255

    def uniform(self, *shape, low=0.0, high=1.0):
        return torch.rand(*shape, generator=self.random) * (high - low) + low

    def integers(self, high: int, size: int):
        return torch.randint(0, high, (size,), generator=self.random)

    def batch(self, size: int):
        """pictures [size, 3, SIDE, SIDE] from 0 to 1, and labels [size, 4], in the order of LABELS."""
        shape, scale = self.integers(len(SHAPES), size), self.integers(len(SIZES), size)
        colour = self.integers(len(COLOURS), size)
        ground = (colour + 1 + self.integers(len(COLOURS) - 1, size)) % len(COLOURS)
        masks = self.shapes(shape, scale)
        labels = torch.stack([shape, colour, scale, ground], 1)
        for i in torch.nonzero(self.uniform(size) < NONE_PART)[:, 0].tolist():
            masks[i] = self.shapeless()
            labels[i] = torch.tensor([NONE, UNSAID, UNSAID, UNSAID])
            if masks[i].max() == 0:
                labels[i, 3] = ground[i]
        front, back = self.tint(colour), self.tint(ground)
        return self.spoil(back + (front - back) * masks), labels

    def shapes(self, shape, scale):
        """Masks [n, 1, SIDE, SIDE] of those shapes, at a place and slightly turned and stretched."""
        low, high = torch.tensor([HALVES[name] for name in SIZES])[scale].unbind(1)
        half = low + (self.uniform(len(shape)) * (high - low + 1)).long()
        room = (SIDE / 2 - 1 - half / 2).clamp(0, 6) / (SIDE / 2)
        return self.move(self.masks[shape, half - self.first][:, None], room)

    def move(self, masks, room):
        """`room`: how far from the middle, as a part of half the picture."""
        n = len(masks)
        turn = self.uniform(n, low=-1, high=1) * math.radians(8)
        stretch = self.uniform(n, 2, low=0.97, high=1.03)
        affine = torch.zeros(n, 2, 3)
        affine[:, 0, 0], affine[:, 0, 1] = turn.cos() * stretch[:, 0], -turn.sin()
        affine[:, 1, 0], affine[:, 1, 1] = turn.sin(), turn.cos() * stretch[:, 1]
        affine[:, :, 2] = self.uniform(n, 2, low=-1, high=1) * room[:, None]
        affine[self.uniform(n) < 0.3] = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
        grid = F.affine_grid(affine, list(masks.shape), align_corners=False)
        return F.grid_sample(masks, grid, align_corners=False)

    def shapeless(self):
        """A mask [1, SIDE, SIDE] that is none of the shapes: nothing, a blot, stripes, or two of them."""
        kind = int(self.integers(4, 1))
        if kind == 0:
            return torch.zeros(1, SIDE, SIDE)
        if kind == 1:
            cells = int(self.integers(8, 1)) + 3
            coarse = self.uniform(1, 1, cells, cells, low=-1, high=1)
            return (F.interpolate(coarse, (SIDE, SIDE), mode="bicubic")[0] > 0).float()
        if kind == 2:
            y, x = torch.meshgrid(*[torch.linspace(-1, 1, SIDE)] * 2, indexing="ij")
            angle, often = self.uniform(2, high=math.pi).tolist()
            phase = float(self.uniform(1, high=6))
            wave = torch.sin((x * math.cos(angle) + y * math.sin(angle)) * often * 5 + phase)
            return (wave > 0).float()[None]
        half = torch.full((2,), 14 - self.first) + self.integers(8, 2)
        pair = self.masks[self.integers(len(SHAPES), 2), half]
        apart = 14 + int(self.integers(6, 1))
        axis = int(self.integers(2, 1))
        return (pair[0].roll(apart, axis) + pair[1].roll(-apart, axis)).clamp(0, 1)[None]

    def tint(self, colour):
        """Colours [n, 3, 1, 1], each a little off."""
        shift = self.uniform(len(colour), 3, low=-1, high=1) * 20 / 255
        exact = self.uniform(len(colour), 1) < 0.3
        return (self.palette[colour] + torch.where(exact, 0, shift)).clamp(0, 1)[:, :, None, None]

    def spoil(self, pictures):
        """Uneven light, blur and noise, each on some of them."""
        n = len(pictures)
        ramp = torch.linspace(-1, 1, SIDE)
        slopes = self.uniform(2, n, 1, 1, 1, low=-0.12, high=0.12) * (self.uniform(n, 1, 1, 1) < 0.4)
        pictures = pictures * (1 + slopes[0] * ramp + slopes[1] * ramp[:, None])
        blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        some = self.uniform(n, 1, 1, 1) < 0.3
        pictures = torch.where(some, blurred, pictures)
        strength = self.uniform(n, 1, 1, 1).square() * 0.2 * (self.uniform(n, 1, 1, 1) < 0.7)
        noise = torch.randn(pictures.shape, generator=self.random)
        return (pictures + strength * noise).clamp(0, 1)
