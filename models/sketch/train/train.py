"""Trains sketch and writes checkpoint.pt and loss.csv.

    python train.py --steps 9000 --seed 7

First the words alone, to tell the background's colour from the shape's. Then, with the words frozen,
the U-Net by flow matching.
"""

import argparse
import csv
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from data import KINDS, LENGTH, Generator
from net import UNet

HERE = Path(__file__).parent


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from checkpoint.pt")
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args()


def learning_rate(step: int, options) -> float:
    warm = min(1.0, (step + 1) / 200)
    return options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / options.steps)))


def teach_words(words, generator, steps: int = 600):
    """Which of the colours in a prompt is the background's?"""
    optimizer = torch.optim.AdamW(words.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        tokens, grounds = (torch.from_numpy(part) for part in generator.prompts(128))
        loss = F.binary_cross_entropy_with_logits(words.grounds(tokens), grounds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"words {step + 1} loss {loss.item():.6f}", flush=True)
    words.requires_grad_(False)


def flow_loss(net, pictures, tokens):
    """Error of the guessed clean picture, weighted so that it is the error of the velocity.

    Times lean to the noisy side: a flat drawing shows through strong noise, so that later times
    teach nothing about the prompt.
    """
    size = pictures.shape[0]
    t = torch.sigmoid(torch.randn(size) * 1.3 - 2.0)
    t = torch.where(torch.rand(size) < 0.1, torch.rand(size), t)
    t = torch.where(torch.rand(size) < 0.1, torch.rand(size) * 0.05, t)
    tokens = torch.where(torch.rand(size, 1) < 0.1, 0, tokens)
    level = t[:, None, None, None]
    noisy = level * pictures + (1 - level) * torch.randn_like(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        guess = net(noisy.contiguous(memory_format=torch.channels_last), t, tokens)
    error = (guess.float() - pictures).square().mean((1, 2, 3))
    return (error / (1 - t).clamp(min=0.15).square()).mean(), error.mean()


def save(path, net, average, optimizer, step):
    parts = {"net": net, "average": average.module, "optimizer": optimizer}
    torch.save({"step": step} | {name: part.state_dict() for name, part in parts.items()}, path)


def resume(path, net, average, optimizer) -> int:
    state = torch.load(path, weights_only=True)
    net.load_state_dict(state["net"])
    average.module.load_state_dict(state["average"])
    average.n_averaged.fill_(state["step"])
    if "optimizer" in state:
        optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    generator = Generator(options.seed)
    net = UNet(KINDS, LENGTH).to(memory_format=torch.channels_last)
    if not options.resume:
        teach_words(net.words, generator)
    net.words.requires_grad_(False)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998)
    )
    optimizer = torch.optim.AdamW(
        [p for p in net.parameters() if p.requires_grad],
        lr=options.rate,
        betas=(0.9, 0.99),
        weight_decay=0.01,
    )
    checkpoint, begin = options.out / "checkpoint.pt", 0
    if options.resume:
        begin = resume(checkpoint, net, average, optimizer)
        torch.manual_seed(options.seed + begin)
        generator = Generator(options.seed + begin)
    print(f"{sum(p.numel() for p in net.parameters())} parameters", flush=True)

    start, sums = time.time(), [0.0, 0.0]
    with open(options.out / "loss.csv", "a" if options.resume else "w", newline="") as file:
        rows = csv.writer(file)
        if not options.resume:
            rows.writerow(["step", "loss", "picture_error"])
        for step in range(begin + 1, options.steps + 1):
            tokens, pictures = generator.batch(options.batch)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step - 1, options)
            loss, error = flow_loss(net, torch.from_numpy(pictures), torch.from_numpy(tokens))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(net)
            sums = [sums[0] + loss.item(), sums[1] + error.item()]
            if step % 50 == 0:
                rows.writerow([step, f"{sums[0] / 50:.5f}", f"{sums[1] / 50:.5f}"])
                file.flush()
                pace = (time.time() - start) / (step - begin)
                print(f"{step} loss {sums[0] / 50:.4f} {pace * 1000:.0f} ms/step", flush=True)
                sums = [0.0, 0.0]
            if step % 250 == 0 or step == options.steps:
                save(checkpoint, net, average, optimizer, step)


if __name__ == "__main__":
    main()
