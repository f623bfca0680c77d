"""Makes the exported graph read its key/value cache where it lies.

The exporter joins the cache and the new keys and values, attends to the whole and gives the whole back: two copies
of the cache per layer, and one more out of the runtime, for each token. Here the scores are computed apart and
joined, the sums of values are computed apart and added, and only the new keys and values are given back.
"""

import onnx
from onnx import helper


def split_attention(model: onnx.ModelProto):
    """Changes `model` in place: outputs `present.<layer>.<kind>` become `new.<layer>.<kind>`, without the past."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    users = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    outputs = {value.name: value for value in graph.output}
    layers = sum(name.startswith("present.") and name.endswith(".key") for name in outputs)

    replaced = {}
    for layer in range(layers):
        keys, values = (makers[f"present.{layer}.{kind}"] for kind in ("key", "value"))
        (transpose,) = users[keys.output[0]]
        (scores,) = users[transpose.output[0]]
        (mixed,) = users[values.output[0]]
        at = f"layer.{layer}."
        replaced[id(keys)] = replaced[id(values)] = replaced[id(transpose)] = []
        replaced[id(scores)] = scores_apart(at, scores, keys)
        replaced[id(mixed)] = values_apart(at, mixed, values)
        for kind, node in (("key", keys), ("value", values)):
            output = outputs[f"present.{layer}.{kind}"]
            output.name = f"new.{layer}.{kind}"
            replaced[id(mixed)].append(helper.make_node("Identity", [node.input[1]], [output.name]))

    nodes = [new for node in graph.node for new in replaced.get(id(node), [node])]
    del graph.node[:]
    graph.node.extend(nodes)


def scores_apart(at: str, scores: onnx.NodeProto, keys: onnx.NodeProto):
    """query @ [past, new].T as [query @ past.T, query @ new.T]."""
    nodes = []
    for part, name in zip(("past", "new"), keys.input):
        transposed, product = f"{at}{part}_key_transposed", f"{at}{part}_scores"
        nodes.append(helper.make_node("Transpose", [name], [transposed], perm=[0, 1, 3, 2]))
        nodes.append(helper.make_node("MatMul", [scores.input[0], transposed], [product]))
    parts = [f"{at}past_scores", f"{at}new_scores"]
    return [*nodes, helper.make_node("Concat", parts, [scores.output[0]], axis=3)]


def values_apart(at: str, mixed: onnx.NodeProto, values: onnx.NodeProto):
    """weights @ [past, new] as weights_past @ past + weights_new @ new."""
    parts = list(zip(("past", "new"), values.input))
    lengths = [helper.make_node("Shape", [name], [f"{at}{part}_length"], start=2, end=3) for part, name in parts]
    names = [f"{at}{part}_length" for part, _ in parts]
    sizes = helper.make_node("Concat", names, [f"{at}lengths"], axis=0)
    weights = [f"{at}{part}_weights" for part, _ in parts]
    split = helper.make_node("Split", [mixed.input[0], f"{at}lengths"], weights, axis=3)
    sums = [
        helper.make_node("MatMul", [f"{at}{part}_weights", name], [f"{at}{part}_mixed"]) for part, name in parts
    ]
    added = helper.make_node("Add", [f"{at}past_mixed", f"{at}new_mixed"], [mixed.output[0]])
    return [*lengths, sizes, split, *sums, added]
