"""Builds an ONNX model from what JAX traces of a function."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import onnx
from jax.extend import core

OPSET = 18
_IR_VERSION = 9  # Of ONNX 1.14, the first with this opset and its fixes.
# Primitives that call a function, which is inlined.
_CALLED = ('jaxpr', 'call_jaxpr', 'fun_jaxpr')


class Tensor(NamedTuple):
  """A value of the program.

  Attributes:
    value: Name in the graph, or an array that depends on no input.
    shape: Its shape there. An axis may have size 1 where the value in JAX is
      larger: a broadcast that ONNX does by itself.
    dtype: Its type.
  """

  value: str | np.ndarray
  shape: tuple[int, ...]
  dtype: np.dtype

  @property
  def known(self) -> bool:
    """Whether the value depends on no input."""
    return not isinstance(self.value, str)


class Graph:
  """Nodes and constants of a model while it is built."""

  def __init__(self):
    self.nodes, self.constants = [], []
    self._names, self._count = {}, 0

  def constant(self, array: np.ndarray) -> Tensor:
    """Returns an array as a value that depends on no input."""
    array = np.asarray(array)
    return Tensor(array, array.shape, array.dtype)

  def add(
    self,
    operator: str,
    inputs: Sequence[Tensor | np.ndarray],
    shape: Sequence[int],
    dtype: Any,
    **attributes,
  ) -> Tensor:
    """Adds a node with one output of a given shape and type."""
    name = self._new_name()
    self.nodes.append(
      onnx.helper.make_node(
        operator, [self._name(x) for x in inputs], [name], **attributes
      )
    )
    return Tensor(name, tuple(shape), np.dtype(dtype))

  def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Reshapes; adds no node where nothing changes."""
    shape = tuple(shape)
    if x.shape == shape:
      return x
    if x.known:
      return self.constant(x.value.reshape(shape))
    size = np.array(shape, np.int64)
    return self.add('Reshape', [x, size], shape, x.dtype)

  def transpose(self, x: Tensor, order: Sequence[int]) -> Tensor:
    """Permutes the axes; adds no node where nothing changes."""
    order = tuple(int(axis) for axis in order)
    if order == tuple(range(len(x.shape))):
      return x
    if x.known:
      return self.constant(np.ascontiguousarray(x.value.transpose(order)))
    shape = [x.shape[axis] for axis in order]
    return self.add('Transpose', [x], shape, x.dtype, perm=order)

  def expand(self, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Broadcasts to the shape that the value has in JAX."""
    shape = tuple(shape)
    if x.shape == shape:
      return x
    if x.known:
      return self.constant(np.broadcast_to(x.value, shape))
    size = np.array(shape, np.int64)
    return self.add('Expand', [x, size], shape, x.dtype)

  def name_output(self, x: Tensor, name: str) -> None:
    """Makes a value an output of the model."""
    self.nodes.append(
      onnx.helper.make_node('Identity', [self._name(x)], [name])
    )

  def _name(self, x):
    if isinstance(x, Tensor):
      x = x.value
    if isinstance(x, str):
      return x
    # Weights that occur twice are stored once.
    key = (x.shape, x.dtype.str, x.tobytes())
    if key not in self._names:
      name = self._names[key] = self._new_name()
      self.constants.append(onnx.numpy_helper.from_array(np.array(x), name))
    return self._names[key]

  def _new_name(self):
    self._count += 1
    return f'v{self._count}'


def to_onnx(
  function: Callable[..., dict[str, jax.Array]],
  inputs: dict[str, jax.ShapeDtypeStruct],
  lower: Callable[[Graph, Any, list[Tensor]], list[Tensor]],
) -> onnx.ModelProto:
  """Returns a function as an ONNX model.

  What depends on no input is computed by JAX and stored.

  Args:
    function: Takes the inputs by name; returns {name: output}.
    inputs: {name: shape and type}.
    lower: Adds the nodes of an equation, see `operators.lower`.

  Raises:
    NotImplementedError: The function needs something that `lower` lacks.
  """
  traced, outputs = jax.make_jaxpr(
    lambda arrays: function(**arrays), return_shape=True
  )(inputs)
  graph = Graph()
  # Dictionaries are flattened in the order of their sorted keys.
  arguments = [
    Tensor(name, inputs[name].shape, np.dtype(inputs[name].dtype))
    for name in sorted(inputs)
  ]
  results = _inline(graph, traced.jaxpr, traced.consts, arguments, lower)
  for name, result in zip(sorted(outputs), results, strict=True):
    whole = graph.expand(result, outputs[name].shape)
    graph.name_output(whole, name)
  model = onnx.helper.make_model(
    onnx.helper.make_graph(
      graph.nodes,
      'dave_jax',
      [_describe(name, inputs[name]) for name in inputs],
      [_describe(name, outputs[name]) for name in outputs],
      graph.constants,
    ),
    opset_imports=[onnx.helper.make_opsetid('', OPSET)],
    ir_version=_IR_VERSION,
    producer_name='dave_jax',
  )
  onnx.checker.check_model(model, full_check=True)
  return model


def _describe(name, array):
  dtype = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(array.dtype))
  return onnx.helper.make_tensor_value_info(name, dtype, array.shape)


def _inline(graph, jaxpr, constants, arguments, lower):
  """Adds the nodes of a traced function; returns its results."""
  tensors = {}
  for variable, array in zip(jaxpr.constvars, constants, strict=True):
    tensors[variable] = graph.constant(array)
  tensors |= zip(jaxpr.invars, arguments, strict=True)

  def read(atom):
    if isinstance(atom, core.Literal):
      return graph.constant(np.asarray(atom.val, atom.aval.dtype))
    return tensors[atom]

  for equation in jaxpr.eqns:
    operands = [read(atom) for atom in equation.invars]
    called = [equation.params[k] for k in _CALLED if k in equation.params]
    if called:
      inner = called[0]
      closed = getattr(inner, 'jaxpr', inner), getattr(inner, 'consts', ())
      results = _inline(graph, *closed, operands, lower)
    elif equation.primitive.name == 'broadcast_in_dim':
      results = [_broadcast(graph, equation, operands[0])]
    elif all(operand.known for operand in operands):
      results = _compute(graph, equation, operands)
    else:
      results = lower(graph, equation, operands)
    tensors |= zip(equation.outvars, results, strict=True)
  return [read(atom) for atom in jaxpr.outvars]


def _broadcast(graph, equation, x):
  """Adds axes of size 1, which the operators that follow broadcast."""
  shape = [1] * len(equation.params['shape'])
  for size, axis in zip(
    x.shape, equation.params['broadcast_dimensions'], strict=True
  ):
    shape[axis] = size
  return graph.reshape(x, shape)


def _compute(graph, equation, operands):
  """Computes what depends on no input."""
  shapes = [atom.aval.shape for atom in equation.invars]
  arrays = [
    np.broadcast_to(operand.value, shape)
    for operand, shape in zip(operands, shapes, strict=True)
  ]
  results = equation.primitive.bind(
    *map(jax.numpy.asarray, arrays), **equation.params
  )
  if not equation.primitive.multiple_results:
    results = [results]
  return [graph.constant(np.asarray(result)) for result in results]
