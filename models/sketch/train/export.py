"""Writes ../unet.onnx from checkpoint.pt. Batch is dynamic; every sample has its own time."""

from pathlib import Path

import onnx
import torch

from data import KINDS, LENGTH, SIDE
from net import Guided, UNet

HERE = Path(__file__).parent


def main():
    net = UNet(KINDS, LENGTH).eval()
    net.load_state_dict(torch.load(HERE / "checkpoint.pt", weights_only=True)["average"])
    target = HERE.parent / "unet.onnx"
    batch = torch.export.Dim("batch", min=1, max=1024)
    torch.onnx.export(
        Guided(net),
        (torch.randn(2, 3, SIDE, SIDE), torch.rand(2), torch.zeros(2, LENGTH, dtype=torch.int64)),
        target,
        input_names=["noisy", "t", "tokens"],
        output_names=["picture"],
        dynamic_shapes=({0: batch}, {0: batch}, {0: batch}),
        dynamo=True,
        external_data=False,
    )
    # What the exporter says about source files has no place in a model.
    model = onnx.load(target)
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        value.ClearField("metadata_props")
    model.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    onnx.save(model, target)
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
