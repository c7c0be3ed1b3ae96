"""Activations split by rows over the devices of a mesh."""

import jax
from jax.sharding import PartitionSpec

# Name of the axis of a mesh whose devices share the rows of an image.
SPACE = 'space'
# XLA of jax 0.10.2 sums the input gradient of 3x3 convolutions of fewer rows
# over the devices of other axes, which is as many times too much.
_FEWEST = 3


def split_rows(x: jax.Array, *, stride: int = 1) -> jax.Array:
  """Returns x, laid out for layers of a stride, where a mesh has rows to split.

  The mesh is that of `jax.sharding.use_abstract_mesh`; without one, or one of
  other axes alone, nothing changes. Values are the same in every layout.

  Each device has its rows, and XLA fetches the rows beside them for a layer
  that needs them. Where the rows that come out of the layers are not as many
  on each device (deep layers of small frames), all devices have all rows: of
  rows that devices share unevenly, XLA of jax 0.10.2 computes gradients of
  strided kernels that are wrong by half their size.

  Args:
    x: Activations [b, ..., h, w, c].
    stride: Rows of x for a row that comes out of the layers.
  """
  shards = jax.sharding.get_abstract_mesh().shape.get(SPACE, 1)
  if shards == 1:
    return x
  rows = x.shape[-3] // stride
  even = rows % shards == 0 and rows >= _FEWEST
  spec = [PartitionSpec.UNCONSTRAINED] * x.ndim
  spec[-3] = SPACE if even else None
  return jax.lax.with_sharding_constraint(x, PartitionSpec(*spec))
