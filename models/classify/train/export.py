"""Writes ../classifier.onnx and ../labels.json from checkpoint.pt. Batch is dynamic."""

import json
from pathlib import Path

import onnx
import torch

from net import Classifier, Scored
from pictures import LABELS, SIDE

HERE = Path(__file__).parent


def main():
    net = Classifier([len(labels) for labels in LABELS.values()])
    net.load_state_dict(torch.load(HERE / "checkpoint.pt", weights_only=True))
    target = HERE.parent / "classifier.onnx"
    batch = torch.export.Dim("batch", min=1, max=1024)
    torch.onnx.export(
        Scored(net.eval()),
        (torch.rand(2, 3, SIDE, SIDE),),
        target,
        input_names=["pictures"],
        output_names=list(LABELS),
        dynamic_shapes=({0: batch},),
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
    (HERE.parent / "labels.json").write_text(json.dumps(LABELS, indent=2) + "\n")


if __name__ == "__main__":
    main()
