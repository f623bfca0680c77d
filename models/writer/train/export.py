"""Writes ../model.onnx and ../config.json from checkpoint.pt.

Inputs are named as Hugging Face's exports name them; batch and lengths are dynamic. The outputs `new.<layer>.<kind>` are
what a caller puts behind its cache.
"""

import json
from pathlib import Path

import onnx
import torch
from tokenizers import Tokenizer

from attention import split_attention
from net import CONTEXT, HEAD, HEADS, LAYERS, CachedWriter, Writer
from tokens import END, PATH

HERE = Path(__file__).parent


def export(writer: Writer, target: Path):
    batch, past, step = 2, 3, 4
    cache = [
        (torch.randn(batch, HEADS, past, HEAD), torch.randn(batch, HEADS, past, HEAD))
        for _ in range(LAYERS)
    ]
    names = [f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]
    auto = torch.export.Dim.DYNAMIC
    rows = {0: auto, 1: auto}
    places = {0: auto, 2: auto}
    torch.onnx.export(
        CachedWriter(writer),
        (
            torch.zeros(batch, step, dtype=torch.int64),
            torch.ones(batch, past + step, dtype=torch.int64),
            torch.arange(past, past + step).repeat(batch, 1),
            cache,
        ),
        target,
        input_names=["input_ids", "attention_mask", "position_ids"]
        + [f"past_key_values.{name}" for name in names],
        output_names=["logits"] + [f"present.{name}" for name in names],
        dynamic_shapes=(rows, rows, rows, [(places, places)] * LAYERS),
        dynamo=True,
        external_data=False,
    )


def name_axes(model: onnx.ModelProto):
    """Says what each dynamic axis is, instead of the exporter's s1, s2, ..."""
    axes = {"input_ids": ["batch", "sequence"], "attention_mask": ["batch", "past + sequence"]}
    axes |= {"position_ids": ["batch", "sequence"], "logits": ["batch", "sequence", None]}
    for value in [*model.graph.input, *model.graph.output]:
        length = "past" if value.name.startswith("past") else "sequence"
        names = axes.get(value.name, ["batch", None, length, None])
        for dimension, name in zip(value.type.tensor_type.shape.dim, names):
            if name is not None:
                dimension.dim_param = name


def strip(model: onnx.ModelProto):
    """What the exporter says about source files has no place in a model."""
    for part in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        part.ClearField("metadata_props")
    for node in model.graph.node:
        node.ClearField("doc_string")
    model.graph.ClearField("value_info")
    model.graph.ClearField("metadata_props")
    model.ClearField("metadata_props")


def main():
    tokenizer = Tokenizer.from_file(str(PATH))
    writer = Writer(tokenizer.get_vocab_size()).eval()
    writer.load_state_dict(torch.load(HERE / "checkpoint.pt", weights_only=True)["net"])
    target = HERE.parent / "model.onnx"
    export(writer, target)
    model = onnx.load(target)
    split_attention(model)
    name_axes(model)
    strip(model)
    onnx.checker.check_model(model)
    onnx.save(model, target)
    config = {
        "layers": LAYERS,
        "heads": HEADS,
        "headSize": HEAD,
        "context": CONTEXT,
        "endToken": tokenizer.token_to_id(END),
    }
    (HERE.parent / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
