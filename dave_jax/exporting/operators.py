"""The operators of ONNX that compute what a network's primitives do."""

import math

import numpy as np
import onnx

from dave_jax.exporting.graph import Graph, Tensor

_ELEMENTWISE = {
  'abs': 'Abs',
  'add': 'Add',
  'add_any': 'Add',
  'and': 'And',
  'div': 'Div',
  'eq': 'Equal',
  'exp': 'Exp',
  'ge': 'GreaterOrEqual',
  'gt': 'Greater',
  'le': 'LessOrEqual',
  'log': 'Log',
  'logistic': 'Sigmoid',
  'lt': 'Less',
  'max': 'Max',
  'min': 'Min',
  'mul': 'Mul',
  'neg': 'Neg',
  'not': 'Not',
  'or': 'Or',
  'pow': 'Pow',
  'sqrt': 'Sqrt',
  'sub': 'Sub',
  'tanh': 'Tanh',
}
_UNCHANGED = ('copy', 'copy_p', 'optimization_barrier', 'stop_gradient')
_REDUCTIONS = {
  'reduce_max': 'ReduceMax',
  'reduce_min': 'ReduceMin',
  'reduce_sum': 'ReduceSum',
}


def lower(graph: Graph, equation, operands: list[Tensor]) -> list[Tensor]:
  """Adds the nodes of an equation that JAX traced; returns its results.

  Args:
    graph: The graph to add to.
    equation: The equation, `jax.extend.core.JaxprEqn`.
    operands: What it is applied to.

  Raises:
    NotImplementedError: There is no rule for the primitive.
  """
  name, params = equation.primitive.name, equation.params
  dtype = equation.outvars[0].aval.dtype
  if name in _ELEMENTWISE:
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    return [graph.add(_ELEMENTWISE[name], operands, shape, dtype)]
  if name in _UNCHANGED:
    return operands
  if name == 'select_n' and len(operands) == 3:
    condition, if_false, if_true = operands
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    return [graph.add('Where', [condition, if_true, if_false], shape, dtype)]
  if name == 'convert_element_type':
    (x,) = operands
    if x.dtype == dtype:
      return operands
    to = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return [graph.add('Cast', [x], x.shape, dtype, to=to)]
  rule = _RULES.get(name)
  if rule is None:
    raise NotImplementedError(
      f'no ONNX operator for {name} is known; export to stablehlo instead'
    )
  expanded = [
    graph.expand(x, atom.aval.shape)
    for x, atom in zip(operands, equation.invars, strict=True)
  ]
  results = rule(graph, expanded, equation.outvars[0].aval.shape, **params)
  return results if isinstance(results, list) else [results]


def _convolution(
  graph,
  operands,
  shape,
  *,
  window_strides,
  padding,
  lhs_dilation,
  rhs_dilation,
  dimension_numbers,
  feature_group_count,
  batch_group_count,
  **_,
):
  if set(lhs_dilation) != {1} or batch_group_count != 1:
    raise NotImplementedError(
      'expected a convolution without dilation of its input and groups of the '
      f'batch, got {lhs_dilation} and {batch_group_count}'
    )
  numbers = dimension_numbers
  image = graph.transpose(operands[0], numbers.lhs_spec)
  kernel = graph.transpose(operands[1], numbers.rhs_spec)
  y = graph.add(
    'Conv',
    [image, kernel],
    [shape[axis] for axis in numbers.out_spec],
    image.dtype,
    strides=window_strides,
    pads=_pads(padding),
    dilations=rhs_dilation,
    group=feature_group_count,
  )
  return graph.transpose(y, np.argsort(numbers.out_spec))


def _pads(padding):
  """Returns (before, after) of each axis in the order of ONNX."""
  return [n for n, _ in padding] + [n for _, n in padding]


def _max_pool(
  graph,
  operands,
  shape,
  *,
  window_dimensions,
  window_strides,
  padding,
  base_dilation,
  window_dilation,
  **_,
):
  (x,) = operands
  if set(base_dilation) != {1}:
    raise NotImplementedError(f'expected no dilation, got {base_dilation}')
  axes = range(len(shape))
  pooled = [
    a for a in axes if window_dimensions[a] > 1 or window_strides[a] > 1
  ]
  others = [a for a in axes if a not in pooled]
  order = others + pooled
  x = graph.transpose(x, order)
  out = [shape[a] for a in order]
  batch = x.shape[: len(others)]
  spatial = x.shape[len(others) :]
  if len(batch) != 2:  # ONNX has one axis for examples and one for channels.
    x = graph.reshape(x, (math.prod(batch), 1, *spatial))
  y = graph.add(
    'MaxPool',
    [x],
    (*x.shape[:2], *out[len(others) :]),
    x.dtype,
    kernel_shape=[window_dimensions[a] for a in pooled],
    strides=[window_strides[a] for a in pooled],
    dilations=[window_dilation[a] for a in pooled],
    pads=_pads([padding[a] for a in pooled]),
  )
  return graph.transpose(graph.reshape(y, out), np.argsort(order))


def _matrix_product(graph, operands, shape, *, dimension_numbers, **_):
  """Adds a product over any axes as one of matrices.

  A layer on every place of an image is a 1x1 convolution, which runtimes fuse
  with what surrounds it.
  """
  x, y = operands
  (x_sum, y_sum), (x_batch, y_batch) = dimension_numbers
  rank = len(x.shape)
  if (
    rank in (4, 5)
    and y.known
    and len(y.shape) == 2
    and (tuple(x_sum), tuple(y_sum)) == ((rank - 1,), (0,))
  ):
    axes = [0, rank - 1, *range(1, rank - 1)]
    kernel = y.value.T.reshape(*y.shape[::-1], *[1] * (rank - 2))
    product = graph.add(
      'Conv',
      [graph.transpose(x, axes), np.ascontiguousarray(kernel)],
      [shape[axis] for axis in axes],
      x.dtype,
    )
    return graph.transpose(product, np.argsort(axes))

  def arrange(tensor, batch, summed, last):
    free = [a for a in range(len(tensor.shape)) if a not in (*batch, *summed)]
    order = [*batch, *free, *summed] if last else [*batch, *summed, *free]
    sizes = [
      math.prod(tensor.shape[a] for a in axes) for axes in (free, summed)
    ]
    sizes = sizes if last else sizes[::-1]
    tensor = graph.transpose(tensor, order)
    return graph.reshape(tensor, [*tensor.shape[: len(batch)], *sizes])

  x = arrange(x, x_batch, x_sum, True)
  y = arrange(y, y_batch, y_sum, False)
  product = graph.add('MatMul', [x, y], (*x.shape[:-1], y.shape[-1]), x.dtype)
  return graph.reshape(product, shape)


def _reduction(operator):
  def rule(graph, operands, shape, *, axes, **_):
    (x,) = operands
    axes = np.array(axes, np.int64)
    return graph.add(operator, [x, axes], shape, x.dtype, keepdims=0)

  return rule


def _pad(graph, operands, shape, *, padding_config):
  x, value = operands
  before, after, interior = np.array(padding_config, np.int64).T
  if interior.any():
    raise NotImplementedError(f'expected padding outside, got {padding_config}')
  starts, sizes = np.maximum(-before, 0), np.array(x.shape, np.int64)
  ends = sizes - np.maximum(-after, 0)
  if starts.any() or (ends < sizes).any():
    x = graph.add('Slice', [x, starts, ends], ends - starts, x.dtype)
  pads = np.concatenate([np.maximum(before, 0), np.maximum(after, 0)])
  if not pads.any():
    return x
  return graph.add('Pad', [x, pads, value], shape, x.dtype)


def _slice(graph, operands, shape, *, start_indices, limit_indices, strides):
  (x,) = operands
  strides = strides or [1] * len(shape)
  axes = np.arange(len(shape))
  parts = [start_indices, limit_indices, axes, strides]
  arrays = [np.array(part, np.int64) for part in parts]
  return graph.add('Slice', [x, *arrays], shape, x.dtype)


def _reverse(graph, operands, shape, *, dimensions):
  (x,) = operands
  count = len(dimensions)
  # Ends before the first: ONNX takes the smallest number for that.
  parts = [-1] * count, [np.iinfo(np.int64).min] * count, dimensions
  arrays = [np.array(part, np.int64) for part in (*parts, [-1] * count)]
  return graph.add('Slice', [x, *arrays], shape, x.dtype)


def _concatenate(graph, operands, shape, *, dimension):
  dtype = operands[0].dtype
  return graph.add('Concat', operands, shape, dtype, axis=dimension)


def _stack(graph, operands, shape, *, axis, **_):
  size = [1 if a == axis else n for a, n in enumerate(shape)]
  parts = [graph.reshape(x, size) for x in operands]
  return graph.add('Concat', parts, shape, parts[0].dtype, axis=axis)


def _split(graph, operands, shape, *, sizes, axis):
  (x,) = operands
  ends = np.cumsum(sizes)
  return [
    graph.add(
      'Slice',
      [x, *(np.array([n], np.int64) for n in (end - size, end, axis))],
      [size if a == axis else n for a, n in enumerate(x.shape)],
      x.dtype,
    )
    for size, end in zip(sizes, ends, strict=True)
  ]


def _reshape(graph, operands, shape, **_):
  return graph.reshape(operands[0], shape)


def _transpose(graph, operands, shape, *, permutation):
  return graph.transpose(operands[0], permutation)


def _rsqrt(graph, operands, shape, **_):
  (x,) = operands
  root = graph.add('Sqrt', [x], shape, x.dtype)
  return graph.add('Reciprocal', [root], shape, x.dtype)


def _square(graph, operands, shape, **_):
  (x,) = operands
  return graph.add('Mul', [x, x], shape, x.dtype)


_RULES = {
  **{name: _reduction(operator) for name, operator in _REDUCTIONS.items()},
  'concatenate': _concatenate,
  'conv_general_dilated': _convolution,
  'dot_general': _matrix_product,
  'expand_dims': _reshape,
  'pad': _pad,
  'reduce_window_max': _max_pool,
  'reshape': _reshape,
  'rev': _reverse,
  'rsqrt': _rsqrt,
  'slice': _slice,
  'split': _split,
  'square': _square,
  'squeeze': _reshape,
  'stack': _stack,
  'transpose': _transpose,
}
