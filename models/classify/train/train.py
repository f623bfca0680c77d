"""Trains classify and writes checkpoint.pt and loss.csv, then says how often it is right.

    python train.py --steps 900 --seed 7
"""

import argparse
import csv
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from net import Classifier
from pictures import LABELS, UNSAID, Pictures

HERE = Path(__file__).parent


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args()


def guess(net, pictures):
    with torch.autocast("cpu", torch.bfloat16):
        rows = net(pictures.contiguous(memory_format=torch.channels_last))
    return [row.float() for row in rows]


def loss_of(rows, labels):
    """The sum over what there is to say; labels smoothed, so that scores stay below certainty."""
    return sum(
        F.cross_entropy(row, label, ignore_index=UNSAID, label_smoothing=0.01)
        for row, label in zip(rows, labels.unbind(1))
    )


def measure(net, seed: int, batches: int = 40):
    """How often it is right about each thing, on pictures that training did not show."""
    source, right, asked = Pictures(seed), torch.zeros(len(LABELS)), torch.zeros(len(LABELS))
    net.eval()
    with torch.no_grad():
        for _ in range(batches):
            pictures, labels = source.batch(64)
            best = torch.stack([row.argmax(1) for row in net(pictures)], 1)
            right += ((best == labels) & (labels != UNSAID)).sum(0)
            asked += (labels != UNSAID).sum(0)
    return dict(zip(LABELS, (right / asked).tolist()))


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    source = Pictures(options.seed)
    net = Classifier([len(labels) for labels in LABELS.values()]).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.rate, total_steps=options.steps, pct_start=0.15
    )
    print(f"{sum(p.numel() for p in net.parameters())} parameters", flush=True)

    start, total = time.time(), 0.0
    with open(options.out / "loss.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "loss"])
        for step in range(1, options.steps + 1):
            pictures, labels = source.batch(options.batch)
            loss = loss_of(guess(net, pictures), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
            if step % 25 == 0:
                rows.writerow([step, f"{total / 25:.5f}"])
                file.flush()
                pace = (time.time() - start) / step
                print(f"{step} loss {total / 25:.4f} {pace * 1000:.0f} ms/step", flush=True)
                total = 0.0
            if step % 100 == 0 or step == options.steps:
                torch.save(net.state_dict(), options.out / "checkpoint.pt")
    print({name: round(share, 4) for name, share in measure(net, options.seed + 1).items()})


if __name__ == "__main__":
    main()
