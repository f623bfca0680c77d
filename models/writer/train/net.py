"""The network: a decoder-only transformer with rotary positions and a key/value cache."""

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, LAYERS, HEADS, CONTEXT = 128, 4, 4, 512
HEAD = WIDTH // HEADS


def rotate(x, cos, sin):
    """Rotary position embedding of x [b, heads, s, HEAD]; cos and sin [b, 1, s, HEAD / 2]."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, WIDTH * 3, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.grow = nn.Linear(WIDTH, WIDTH * 4)
        self.shrink = nn.Linear(WIDTH * 4, WIDTH)

    def forward(self, h, cos, sin, mask, past):
        b, s, _ = h.shape
        qkv = self.qkv(self.norm1(h)).reshape(b, s, 3, HEADS, HEAD).permute(2, 0, 3, 1, 4)
        q, k, v = rotate(qkv[0], cos, sin), rotate(qkv[1], cos, sin), qkv[2]
        if past is None:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
            scores = q @ k.transpose(-1, -2) * HEAD**-0.5
            mixed = (scores + mask).softmax(-1) @ v
        h = h + self.out(mixed.transpose(1, 2).reshape(b, s, WIDTH))
        h = h + self.shrink(F.gelu(self.grow(self.norm2(h)), approximate="tanh"))
        return h, k, v


class Writer(nn.Module):
    """Token ids [b, s] to logits [b, s, vocabulary] of the token after each."""

    def __init__(self, vocabulary: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        nn.init.normal_(self.embedding.weight, std=0.02)
        for layer in self.layers:
            for part in (layer.out, layer.shrink):
                nn.init.normal_(part.weight, std=0.02 / (2 * LAYERS) ** 0.5)
        frequencies = 10000.0 ** (-torch.arange(HEAD // 2) / (HEAD // 2))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def angles(self, positions):
        angles = positions[:, None, :, None].float() * self.frequencies
        return angles.cos(), angles.sin()

    def forward(self, tokens, end: int):
        """Whole rows without a cache, for training. What comes after an `end` does not see before it."""
        h = self.embedding(tokens)
        story = (tokens == end).cumsum(1)
        mask = (story[:, None, :, None] == story[:, None, None, :]).tril()
        cos, sin = self.angles(torch.arange(tokens.shape[1])[None])
        for layer in self.layers:
            h, _, _ = layer(h, cos, sin, mask, None)
        return self.norm(h) @ self.embedding.weight.T


class CachedWriter(nn.Module):
    """The exported form. `attention_mask` [b, past + s] is 0 on left padding and 1 elsewhere."""

    def __init__(self, writer: Writer):
        super().__init__()
        self.writer = writer

    def forward(self, input_ids, attention_mask, position_ids, past):
        s, total = input_ids.shape[1], attention_mask.shape[1]
        column = torch.arange(total)[None]
        row = torch.arange(s)[:, None] + (total - s)
        allowed = (column <= row)[None, None] & (attention_mask[:, None, None, :] > 0)
        mask = torch.where(allowed, 0.0, -1e9)
        h = self.writer.embedding(input_ids)
        cos, sin = self.writer.angles(position_ids)
        present = []
        for layer, (key, value) in zip(self.writer.layers, past):
            h, key, value = layer(h, cos, sin, mask, (key, value))
            present += [key, value]
        return self.writer.norm(h) @ self.writer.embedding.weight.T, *present
