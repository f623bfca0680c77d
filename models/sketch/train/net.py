"""The network: a small U-Net that sees a noisy drawing and guesses the clean one."""

import math

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS = (32, 64, 96)
CONDITION = 128
TEXT = 32
MAPS = 48


class Words(nn.Module):
    """Reads token ids [b, l] into two bags of words [b, 2 * vocabulary]: the shape's, the background's.

    Which bag a word goes into is learned, from the kinds of the words and their order only; what it
    means is left to the U-Net. So no colour can grow together with some shape or some background, and
    pairs that training never showed are read and drawn like others.
    """

    def __init__(self, kinds: list[int], length: int, layers: int = 2):
        super().__init__()
        self.register_buffer("kinds", torch.tensor(kinds), persistent=False)
        self.register_buffer("identity", torch.eye(len(kinds)), persistent=False)
        self.embedding = nn.Embedding(max(kinds) + 1, TEXT)
        self.position = nn.Parameter(torch.randn(length, TEXT))
        self.layers = nn.ModuleList(WordLayer() for _ in range(layers))
        self.out = nn.Linear(TEXT, 1)

    def grounds(self, tokens):
        """For each word, the logit of its being the background's."""
        h = self.embedding(self.kinds[tokens]) + self.position
        for layer in self.layers:
            h = layer(h)
        return self.out(h)[:, :, 0]

    def forward(self, tokens):
        part = self.grounds(tokens).sigmoid()[:, :, None]
        words = self.identity[tokens] * (tokens > 0)[:, :, None]
        return torch.cat([(words * (1 - part)).amax(1), (words * part).amax(1)], 1)


class WordLayer(nn.Module):
    def __init__(self, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(TEXT), nn.LayerNorm(TEXT)
        self.qkv, self.out = nn.Linear(TEXT, TEXT * 3), nn.Linear(TEXT, TEXT)
        self.mlp = nn.Sequential(nn.Linear(TEXT, TEXT * 2), nn.SiLU(), nn.Linear(TEXT * 2, TEXT))

    def forward(self, h):
        b, l, _ = h.shape
        q, k, v = self.qkv(self.norm1(h)).reshape(b, l, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-1, -2)) * (TEXT // self.heads) ** -0.5
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, l, TEXT)
        h = h + self.out(mixed)
        return h + self.mlp(self.norm2(h))


class Block(nn.Module):
    """Two convolutions; the condition scales and shifts what lies between them."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inside), nn.GroupNorm(8, outside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.film = nn.Linear(CONDITION, outside * 2)
        self.skip = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, h, condition):
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        inner = self.conv1(F.silu(self.norm1(h)))
        inner = self.norm2(inner) * (1 + scale) + shift
        return self.skip(h) + self.conv2(F.silu(inner))


class Attention(nn.Module):
    """Every place looks at every other, so that one shape is drawn and not two."""

    def __init__(self, width: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, width)
        self.qkv, self.out = nn.Conv2d(width, width * 3, 1), nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, h):
        b, c, height, width = h.shape
        qkv = self.qkv(self.norm(h)).reshape(b, 3, self.heads, c // self.heads, height * width)
        q, k, v = qkv.unbind(1)
        weights = ((q.transpose(-1, -2) @ k) * (c // self.heads) ** -0.5).softmax(-1)
        return h + self.out((v @ weights.transpose(-1, -2)).reshape(b, c, height, width))


class UNet(nn.Module):
    """(noisy [b, 3, 64, 64], t [b], tokens [b, l]) to the guessed clean picture [b, 3, 64, 64].

    It works on 2x2 patches: 12 channels at 32x32. t is 0 for pure noise, 1 for the clean picture.
    """

    def __init__(self, kinds: list[int], length: int):
        super().__init__()
        a, b, c = WIDTHS
        self.words = Words(kinds, length)
        self.wish = nn.Linear(len(kinds) * 2, CONDITION)
        nn.init.normal_(self.wish.weight, std=0.5)
        self.time = nn.Sequential(nn.Linear(64, CONDITION), nn.SiLU(), nn.Linear(CONDITION, CONDITION))
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(CONDITION, CONDITION), nn.SiLU())
        self.enter = nn.Conv2d(12, a, 3, padding=1)
        # Convolutions do not know where they are, and in pure noise there is nothing to go by.
        self.place1 = nn.Parameter(torch.zeros(1, a, 32, 32))
        self.place2 = nn.Parameter(torch.zeros(1, b, 16, 16))
        self.place3 = nn.Parameter(torch.zeros(1, c, 8, 8))
        # What the wish looks like, before anything can be seen: 8 sheets, each blended of learned maps.
        self.maps = nn.Parameter(torch.randn(MAPS, 32 * 32) * 0.3)
        self.blend, self.stamp = nn.Linear(CONDITION, 8 * MAPS), nn.Conv2d(8, a, 1)
        self.down1, self.shrink1 = Block(a, a), nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.down2a, self.down2b = Block(b, b), Block(b, b)
        self.shrink2 = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.middle1, self.attend1 = Block(c, c), Attention(c)
        self.middle2, self.attend2 = Block(c, c), Attention(c)
        self.middle3 = Block(c, c)
        self.grow2 = nn.Conv2d(c, b, 1)
        self.up2a, self.up2b = Block(b * 2, b), Block(b, b)
        self.grow1 = nn.Conv2d(b, a, 1)
        self.up1 = Block(a * 2, a)
        self.leave = nn.Sequential(nn.GroupNorm(8, a), nn.SiLU(), nn.Conv2d(a, 12, 3, padding=1))
        frequencies = torch.exp(torch.linspace(0, math.log(200), 32))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, noisy, t, tokens):
        phase = t[:, None] * self.frequencies
        condition = self.time(torch.cat([phase.sin(), phase.cos()], 1)) + self.wish(self.words(tokens))
        condition = self.mix(condition)
        sheets = self.blend(condition).reshape(-1, 8, MAPS) @ self.maps
        sketch = self.stamp(sheets.reshape(-1, 8, 32, 32))
        top = self.enter(F.pixel_unshuffle(noisy, 2)) + self.place1 + sketch
        top = self.down1(top, condition)
        mid = self.shrink1(top) + self.place2
        mid = self.down2b(self.down2a(mid, condition), condition)
        h = self.shrink2(mid) + self.place3
        h = self.attend1(self.middle1(h, condition))
        h = self.attend2(self.middle2(h, condition))
        h = self.middle3(h, condition)
        h = torch.cat([F.interpolate(self.grow2(h), scale_factor=2.0), mid], 1)
        h = self.up2b(self.up2a(h, condition), condition)
        h = torch.cat([F.interpolate(self.grow1(h), scale_factor=2.0), top], 1)
        h = self.up1(h, condition)
        return F.pixel_shuffle(self.leave(h), 2)


class Guided(nn.Module):
    """The exported form: what the prompt changes in the guess counts `guidance` times.

    With and without the prompt go through the U-Net as one batch.
    """

    def __init__(self, net: UNet, guidance: float = 2.0):
        super().__init__()
        self.net, self.guidance = net, guidance

    def forward(self, noisy, t, tokens):
        both = self.net(
            torch.cat([noisy, noisy]), torch.cat([t, t]), torch.cat([tokens, torch.zeros_like(tokens)])
        )
        asked, free = both[: noisy.shape[0]], both[noisy.shape[0] :]
        return free + self.guidance * (asked - free)
