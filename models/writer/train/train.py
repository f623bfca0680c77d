"""Trains writer on fresh stories and writes checkpoint.pt and loss.csv.

    python tokens.py && python train.py --steps 5000 --seed 11
"""

import argparse
import csv
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from grammar import Story
from net import CONTEXT, Writer
from tokens import END, PATH

HERE = Path(__file__).parent


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from checkpoint.pt")
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args()


def rows(tokenizer: Tokenizer, source: random.Random, count: int):
    """[count, CONTEXT + 1]: each row begins with END and a story, and goes on with further stories."""
    end = tokenizer.token_to_id(END)
    result = []
    for _ in range(count):
        row: list[int] = []
        while len(row) <= CONTEXT:
            row += [end, *tokenizer.encode(Story(source).text).ids]
        result.append(row[: CONTEXT + 1])
    return torch.tensor(result)


def save(path, net, optimizer, step):
    torch.save({"step": step, "net": net.state_dict(), "optimizer": optimizer.state_dict()}, path)


def resume(path, net, optimizer) -> int:
    state = torch.load(path, weights_only=True)
    net.load_state_dict(state["net"])
    if "optimizer" in state:
        optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = Tokenizer.from_file(str(PATH))
    net = Writer(tokenizer.get_vocab_size())
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.rate, betas=(0.9, 0.95), weight_decay=0.05)
    end = tokenizer.token_to_id(END)
    checkpoint = options.out / "checkpoint.pt"
    begin = resume(checkpoint, net, optimizer) if options.resume else 0
    source = random.Random(options.seed + begin)
    print(f"{sum(p.numel() for p in net.parameters())} parameters", flush=True)

    start, total = time.time(), 0.0
    with open(options.out / "loss.csv", "a" if options.resume else "w", newline="") as file:
        log = csv.writer(file)
        if not options.resume:
            log.writerow(["step", "loss_nats_per_token"])
        for step in range(begin + 1, options.steps + 1):
            batch = rows(tokenizer, source, options.batch)
            decay = 0.5 * (1 + math.cos(math.pi * (step - 1) / options.steps))
            for group in optimizer.param_groups:
                group["lr"] = options.rate * min(1.0, (step - begin) / 100) * (0.01 + 0.99 * decay)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(batch[:, :-1], end)
            loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
            if step % 25 == 0:
                log.writerow([step, f"{total / 25:.5f}"])
                file.flush()
                pace = (time.time() - start) / (step - begin)
                print(f"{step} loss {total / 25:.4f} {pace * 1000:.0f} ms/step", flush=True)
                total = 0.0
            if step % 250 == 0 or step == options.steps:
                save(checkpoint, net, optimizer, step)


if __name__ == "__main__":
    main()
