"""What sketch is taught: pairs of a prompt (as token ids) and a 64x64 drawing.

Nothing is stored. A batch is drawn from a seeded generator: attributes first (colour, shape, size,
background), then one of the phrasings that names them, then the picture. `quality.ts` holds the same
palette and the same shapes; a change here must be made there too.
"""

import json
from pathlib import Path

import numpy as np

SIDE = 64
VOCABULARY = json.loads((Path(__file__).parent.parent / "vocabulary.json").read_text())
LENGTH, IDS = VOCABULARY["length"], VOCABULARY["ids"]

PALETTE = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 215, 50),
    "green": (45, 160, 70),
    "cyan": (60, 200, 215),
    "blue": (45, 85, 215),
    "purple": (130, 60, 180),
    "pink": (245, 140, 185),
    "brown": (120, 75, 40),
    "gray": (140, 140, 140),
    "white": (255, 255, 255),
    "black": (20, 20, 20),
}
COLOURS = list(PALETTE)
SHAPES = ["circle", "square", "triangle", "diamond", "star", "heart", "cross", "ring"]
# Radius in pixels, both ends included; "any" is what a prompt without a size word means.
RADII = {"small": (11, 12), "medium": (15, 16), "big": (20, 22), "any": (15, 16)}
# How far from the middle of the picture a shape may be, in pixels along each axis.
MAX_OFFSET = 0
SIZES = ["small", "medium", "big"]

# What kind of word an id is: 0 padding, 1 colour, 2 shape, 3 size, and each other word by itself.
KINDS = [0] * VOCABULARY["size"]
for kind, words in enumerate([COLOURS, SHAPES, SIZES, ["on"], ["with"], ["background"]], start=1):
    for word in words:
        KINDS[IDS[word]] = kind

# Never drawn in training, so that the 60 prompts of prompts.json ask for something new.
HELD_OUT_PAIRS = {
    ("orange", "heart"), ("cyan", "star"), ("purple", "triangle"), ("green", "ring"),
    ("pink", "cross"), ("brown", "circle"), ("yellow", "diamond"), ("gray", "square"),
}  # fmt: skip
HELD_OUT_GROUNDS = {
    ("red", "yellow"), ("blue", "orange"), ("white", "green"), ("black", "pink"), ("green", "purple"),
    ("yellow", "black"), ("pink", "cyan"), ("purple", "gray"), ("orange", "blue"), ("cyan", "red"),
}  # fmt: skip

# S size, C colour, H shape, B colour of the background; the rest are words of the vocabulary.
SUBJECTS = ["S C H", "S C H", "C S H", "H C S", "S H C"]
GROUNDED = [
    "X on B", "X on B", "X on B background", "X on background B", "X with B background",
    "X B background", "on B X", "on B background X", "on background B X", "B background X",
    "B background with X", "background B X",
]  # fmt: skip
# Phrasings that only the evaluation uses:
#   "H S C" · "background B with X" · "with B background X" · "X with background B"


def inside(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points are inside the shape of radius 1 around the origin; y grows downwards."""
    ax, ay, radius = np.abs(x), np.abs(y), np.hypot(x, y)
    if shape == "circle":
        return radius <= 1
    if shape == "ring":
        return (radius <= 1) & (radius >= 0.55)
    if shape == "square":
        return np.maximum(ax, ay) <= 0.85
    if shape == "diamond":
        return ax * 1.25 + ay <= 1
    if shape == "cross":
        return (np.minimum(ax, ay) <= 0.33) & (np.maximum(ax, ay) <= 1)
    if shape == "triangle":
        return (y <= 0.75) & (y + 1 >= ax * 1.75 / 0.95)
    if shape == "heart":
        u, v = x * 1.2, 0.12 - y * 1.2
        return (u * u + v * v - 1) ** 3 - u * u * v**3 <= 0
    # A star of five points: fold the plane into one half of one point, then one edge decides.
    turn = np.arctan2(x, -y)
    fold = np.abs((turn + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
    px, py = radius * np.cos(fold), radius * np.sin(fold)
    ix, iy = 0.42 * np.cos(np.pi / 5), 0.42 * np.sin(np.pi / 5)
    return (px - 1) * iy - py * (ix - 1) <= 0


def render_mask(shape: str, radius: float, samples: int = 4) -> np.ndarray:
    """Coverage 0..1 of each pixel of a SIDE x SIDE picture, the shape in its middle."""
    grid = (np.arange(SIDE * samples) + 0.5) / samples - SIDE / 2
    x, y = np.meshgrid(grid / radius, grid / radius)
    fine = inside(shape, x, y).astype(np.float32)
    return fine.reshape(SIDE, samples, SIDE, samples).mean(axis=(1, 3))


class Generator:
    """Draws batches. Radii are whole and half pixels, centres whole pixels."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.masks = {
            (shape, half): render_mask(shape, half / 2) for shape in SHAPES for half in range(14, 50)
        }

    def pick(self, items):
        return items[self.random.integers(len(items))]

    def attributes(self):
        """One drawing and which of its attributes the prompt will name."""
        while True:
            colour, shape, ground = self.pick(COLOURS), self.pick(SHAPES), self.pick(COLOURS)
            named = {
                "S": self.random.random() < 0.55,
                "C": self.random.random() < 0.95,
                "H": self.random.random() < 0.95,
                "B": self.random.random() < 0.6,
            }
            if not named["B"]:
                ground = "black" if colour == "white" and named["C"] else "white"
            if colour == ground or (colour, shape) in HELD_OUT_PAIRS:
                continue
            if named["B"] and (colour, ground) in HELD_OUT_GROUNDS:
                continue
            size = self.pick(SIZES) if named["S"] else "any"
            return colour, shape, size, ground, named

    def prompt(self, colour, shape, size, ground, named):
        """The ids of a prompt, and where in it the background's colour stands."""
        words = {"S": size, "C": colour, "H": shape, "B": ground}
        text = (self.pick(GROUNDED) if named["B"] else "X").replace("X", self.pick(SUBJECTS))
        slots = [w for w in text.split() if named.get(w, True)]
        return [IDS[words.get(w, w)] for w in slots], [w == "B" for w in slots]

    def prompts(self, size: int):
        """tokens [size, LENGTH] int64 and which of them are of the background, float32."""
        tokens, grounds = np.zeros((size, LENGTH), np.int64), np.zeros((size, LENGTH), np.float32)
        for i in range(size):
            ids, is_ground = self.prompt(*self.attributes())
            tokens[i, : len(ids)], grounds[i, : len(ids)] = ids, is_ground
        return tokens, grounds

    def batch(self, size: int):
        """tokens [size, LENGTH] int64 and pictures [size, 3, SIDE, SIDE] float32 in -1..1."""
        tokens = np.zeros((size, LENGTH), np.int64)
        pictures = np.empty((size, 3, SIDE, SIDE), np.float32)
        for i in range(size):
            drawing = self.attributes()
            colour, shape, scale, ground, _ = drawing
            low, high = RADII[scale]
            half = int(self.random.integers(low * 2, high * 2 + 1))
            room = min(SIDE // 2 - 2 - (half + 1) // 2, MAX_OFFSET)
            dx, dy = self.random.integers(-room, room + 1, 2)
            mask = np.roll(self.masks[shape, half], (dy, dx), (0, 1))[None]
            front, back = (np.array(PALETTE[c], np.float32)[:, None, None] for c in (colour, ground))
            pictures[i] = (back + (front - back) * mask) / 127.5 - 1
            ids, _ = self.prompt(*drawing)
            tokens[i, : len(ids)] = ids
        return tokens, pictures
