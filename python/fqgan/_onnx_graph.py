"""Converts a TorchScript module with one graph of ATen operators to an ONNX model, node by node through _onnx_table.

Each node is also run on two example batches of different size. These examples give the types and shapes. A size that
differs between the two depends on the batch.
"""

import torch

from fqgan._onnx_table import OPSET, TABLE
from fqgan._tool import UserError

IR_VERSION = 8  # of onnx 1.12, 2022: also older runtimes read it


class Value:
    """An ONNX name and its values for the two example batches."""

    def __init__(self, name, examples):
        self.name, self.examples = name, examples

    @property
    def example(self):
        return self.examples[0]

    @property
    def dtype(self):
        return self.examples[0].dtype


def _onnx_type(dtype):
    import onnx

    types = {torch.float32: "FLOAT", torch.float64: "DOUBLE", torch.int64: "INT64", torch.bool: "BOOL"}
    return getattr(onnx.TensorProto, types[dtype])


class Graph:
    """The nodes and initializers that the entries of the table add."""

    def __init__(self, where):
        self.where, self.nodes, self.initializers, self.count, self.operator = where, [], [], 0, ""

    def refused(self, problem):
        return UserError(self.where, f"the operator '{self.operator}' cannot be written as ONNX: {problem}")

    def _new_name(self, stem):
        self.count += 1
        return f"{stem}_{self.count}"

    def add(self, operator, *inputs, **attributes):
        """Adds a node. Inputs: Values, or names of other nodes' results. Returns the name of its result."""
        import onnx

        names = [getattr(value, "name", value) for value in inputs]
        output = self._new_name(operator)
        self.nodes.append(onnx.helper.make_node(operator, names, [output], name=output, **attributes))
        return output

    def constant(self, tensor, name=None):
        """Adds an initializer. Returns its name."""
        import onnx

        name = name or self._new_name("constant")
        array = onnx.numpy_helper.from_array(tensor.detach().contiguous().cpu().numpy(), name)
        self.initializers.append(array)
        return name

    def integers(self, numbers):
        return self.constant(torch.tensor(numbers, dtype=torch.int64))

    def number(self, value):
        return self.constant(torch.tensor(value, dtype=torch.float64))

    @staticmethod
    def example(value):
        return value.example if isinstance(value, Value) else value

    def cast(self, value, dtype):
        """Returns the name of the tensor in this type. A Python number becomes a constant."""
        if not isinstance(value, Value):
            return self.constant(torch.tensor(value, dtype=dtype))
        return value.name if value.dtype == dtype else self.add("Cast", value, to=_onnx_type(dtype))

    def cast_double(self, name, dtype):
        """Does the same for a float64 result that an entry has added itself."""
        return name if dtype == torch.float64 else self.add("Cast", name, to=_onnx_type(dtype))


class Conversion:
    """One walk over the graph of `module`."""

    def __init__(self, module, where):
        self.module, self.graph, self.values, self.buffers = module, Graph(where), {}, {}

    def argument(self, value):
        return self.values[value.debugName()]

    def run(self, node, arguments, batch):
        """Runs the operator itself on an example batch."""

        def plain(value):
            if isinstance(value, list):
                return [plain(item) for item in value]
            return value.examples[batch] if isinstance(value, Value) else value

        schema = torch._C.parse_schema(node.schema())
        values = {name: plain(value) for name, value in arguments.items()}
        positional = [values[argument.name] for argument in schema.arguments if not argument.kwarg_only]
        named = {argument.name: values[argument.name] for argument in schema.arguments if argument.kwarg_only}
        operators = getattr(torch.ops.aten, node.kind().removeprefix("aten::"))
        return getattr(operators, schema.overload_name or "default")(*positional, **named)

    def operator(self, node):
        name = node.kind().removeprefix("aten::")
        self.graph.operator = node.kind()
        if name not in TABLE or not node.kind().startswith("aten::"):
            raise self.graph.refused("it is not in the table of fqgan/_onnx_table.py")
        names = [argument.name for argument in torch._C.parse_schema(node.schema()).arguments]
        arguments = dict(zip(names, map(self.argument, node.inputs())))
        result = Value("", tuple(self.run(node, arguments, batch) for batch in (0, 1)))
        result.name = TABLE[name](self.graph, result, **arguments)
        return result

    def node(self, node):
        kind, output = node.kind(), node.output()
        if kind == "prim::Constant":
            value = output.toIValue()
            return self.tensor(value) if isinstance(value, torch.Tensor) else value
        if kind == "prim::GetAttr":
            name = node.s("name")
            if name not in self.buffers:
                self.buffers[name] = self.tensor(getattr(self.module, name), name)
            return self.buffers[name]
        if kind in ("prim::ListConstruct", "prim::TupleConstruct"):
            return [self.argument(value) for value in node.inputs()]
        return self.operator(node)

    def tensor(self, tensor, name=None):
        return Value(self.graph.constant(tensor, name), (tensor, tensor))


def _described(declared):
    import onnx

    element = getattr(onnx.TensorProto, {"Float": "FLOAT", "Double": "DOUBLE", "Long": "INT64"}[declared["type"]])
    return onnx.helper.make_tensor_value_info(declared["name"], element, declared["shape"])


@torch.no_grad()
def convert(module, description, examples, where):
    """Returns the module as an onnx.ModelProto.

    description: fqgan.json of the file. examples: the inputs for two batches of different size.
    Errors: UserError that names an operator that is not in the table.
    """
    import onnx

    conversion = Conversion(module, where)
    graph = module.inlined_graph
    inputs = list(graph.inputs())[1:]  # without self
    for value, declared, *both in zip(inputs, description["inputs"], *examples):
        conversion.values[value.debugName()] = Value(declared["name"], tuple(both))
    for node in graph.nodes():
        conversion.values[node.output().debugName()] = conversion.node(node)
    results = conversion.argument(next(graph.outputs()))
    made, nodes = conversion.graph, conversion.graph.nodes
    for value, declared in zip(results if isinstance(results, list) else [results], description["outputs"]):
        nodes.append(onnx.helper.make_node("Identity", [value.name], [declared["name"]]))
    ends = [[_described(declared) for declared in description[kind]] for kind in ("inputs", "outputs")]
    used = {name for node in nodes for name in node.input}
    kept = [initializer for initializer in made.initializers if initializer.name in used]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "fqgan", *ends, kept),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fqgan",
    )
    onnx.checker.check_model(model)
    return model
