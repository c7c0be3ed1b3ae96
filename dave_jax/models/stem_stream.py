"""Exact reuse between the windows of one video: the stem, once a frame.

Windows of 16 frames that slide over a video share 15 of them, and the encoder's
stem (7x7x7 convolution, batch norm, ReLU, 3x3x3 max pool) is 40% of the work.
Its convolution is a sum over seven temporal taps, tap d of output time q seeing
frame q + d, d = -3..3. Each frame is convolved once with all seven, and every
sum is built up as frames arrive: after frame f the sum of f has four taps, of
f - 1 five, of f - 2 six, of f - 3 all seven.

- Inside a window (times 3 to 12) the sums are whole and shared by all windows.
- At its end (times 13 to 15) they are the sums of six, five and four taps that
  frames after it have not yet completed.
- At its start (times 0 to 2) they are the whole sums less the one, two or three
  taps that see frames before it.

Batch norm's gain is folded into the kernel, so that its offset and the ReLU,
which keep the order, come after the spatial maximum, on a quarter of the
numbers; temporal maxima over whole sums are shared by windows of equal parity.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

WINDOW = 16
_EPSILON = 1e-5  # As the stem's batch norm has it.


class StemWeights(NamedTuple):
  """The stem with batch norm's gain in its kernel.

  Attributes:
    kernel: [7, 7, c, 7 * features]: all temporal taps side by side.
    offset: [features].
  """

  kernel: jax.Array
  offset: jax.Array


class StemState(NamedTuple):
  """What the windows to come need of the frames so far; newest first.

  Positions are given relative to the last frame, f. Sums are [h/2, w/2,
  features], before offset and ReLU; pooled maps are [h/4, w/4, features].

  Attributes:
    one, two, three: Sums of the first one, two, three taps, of f + 3, f + 2,
      f + 1 down to f - 2: still to be subtracted.
    four, five, six: Sums of the first four, five, six taps, of f, f - 1, f - 2.
    whole: Pooled maps of whole sums, of f - 3 and f - 4.
    late: Pooled maps of whole sums less the first three, two, one taps, of
      f - 3; and less two, of f - 4.
    head: First pooled output of a window, of those that start at f - 4 down.
    second: Second pooled output of a window, those that start at f - 6 down.
    triples: Maxima over three whole ones, that start at f - 5 down.
  """

  one: tuple[jax.Array, ...]
  two: tuple[jax.Array, ...]
  three: tuple[jax.Array, ...]
  four: jax.Array
  five: jax.Array
  six: jax.Array
  whole: tuple[jax.Array, ...]
  late: tuple[jax.Array, ...]
  head: tuple[jax.Array, ...]
  second: tuple[jax.Array, ...]
  triples: tuple[jax.Array, ...]


# How many arrays each field of a state holds after a step.
_SUMS = {'one': 6, 'two': 5, 'three': 4}
_POOLED = {'whole': 2, 'late': 4, 'head': 11, 'second': 9, 'triples': 7}


def stem_weights(
  variables: dict, channels: int = 3, dtype=jnp.float32
) -> StemWeights:
  """Returns the weights of an encoder's stem for inference.

  Args:
    variables: {'params', 'batch_stats'} of the encoder (`ResNet3D`).
    channels: Of the frames; 1 stands for three equal ones.
    dtype: Type of the computation.
  """
  params, statistics = (
    variables[collection]['stem'] for collection in ('params', 'batch_stats')
  )
  kernel = jnp.asarray(params['kernel'])
  if channels == 1:
    kernel = kernel.sum(axis=3, keepdims=True)
  scale, bias = params['bn']['scale'], params['bn']['bias']
  mean, variance = statistics['bn']['mean'], statistics['bn']['var']
  gain = scale * lax.rsqrt(jnp.asarray(variance) + _EPSILON)
  taps, h, w, c, features = kernel.shape
  kernel = (kernel * gain).transpose(1, 2, 3, 0, 4)
  kernel = kernel.reshape(h, w, c, taps * features)
  offset = bias - mean * gain
  return StemWeights(kernel.astype(dtype), offset.astype(dtype))


def first_state(weights: StemWeights, frame: jax.Array) -> StemState:
  """Returns the state before the first frame, as if that had always been.

  Args:
    weights: The stem's.
    frame: The video's first, normalised, [h, w, c].
  """
  h, w, _ = frame.shape
  features = weights.offset.size
  sums = jnp.zeros((h // 2, w // 2, features), weights.kernel.dtype)
  pooled = jnp.zeros((h // 4, w // 4, features), weights.kernel.dtype)
  state = StemState(
    **{field: (sums,) * kept for field, kept in _SUMS.items()},
    four=sums,
    five=sums,
    six=sums,
    **{field: (pooled,) * kept for field, kept in _POOLED.items()},
  )
  responses = _convolve(weights, frame)
  for _ in range(WINDOW - 1):
    state, _ = _step(weights, state, responses)
  return state


def push(
  weights: StemWeights, state: StemState, frame: jax.Array
) -> tuple[StemState, jax.Array]:
  """Adds a frame; returns the new state and the stem's output for its window.

  Args:
    weights: The stem's.
    state: After the frame before.
    frame: Normalised, [h, w, c].

  Returns:
    The state after `frame`, and [8, h / 4, w / 4, features]: what the stem
    gives for the 16 frames that end with it.
  """
  return _step(weights, state, _convolve(weights, frame))


def _step(weights, state, responses):
  """Adds the responses [h/2, w/2, 7 * features] of a frame."""
  # Arrays that only move on are kept out of the compiled program, which would
  # copy them.
  used = StemState(
    one=(state.one[0], state.one[-1]),
    two=(state.two[0], state.two[-1]),
    three=(state.three[0], state.three[-1]),
    four=state.four,
    five=state.five,
    six=state.six,
    whole=state.whole,
    late=state.late,
    head=state.head[-1:],
    second=state.second[-1:],
    triples=state.triples[::2],
  )
  new, window = _advance(weights.offset, used, responses)
  moved = {
    field: getattr(new, field) + getattr(state, field)[:-1]
    for field in ('one', 'two', 'three', 'head', 'second', 'triples')
  }
  return new._replace(**moved), window


@jax.jit
def _convolve(weights, frame):
  return lax.conv_general_dilated(
    frame[None].astype(weights.kernel.dtype),
    weights.kernel,
    window_strides=(2, 2),
    padding=((3, 3), (3, 3)),
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )[0]


@jax.jit
def _advance(offset, state, responses):
  """Returns a state whose moving fields hold their newest entry alone."""
  # The kernel's first tap sees the frame three before a position, so it is what
  # this frame gives to the position three after it.
  taps = jnp.split(responses, 7, axis=-1)
  one = taps[0]
  two = state.one[0] + taps[1]
  three = state.two[0] + taps[2]
  four = state.three[0] + taps[3]
  five = state.four + taps[4]
  six = state.five + taps[5]
  seven = state.six + taps[6]

  def pool(sums):
    return jax.nn.relu(_spatial_maximum(sums) + offset)

  whole = pool(seven)
  less_three, less_two, less_one = (
    pool(seven - early[-1]) for early in (state.three, state.two, state.one)
  )
  before_less_three, _, before_less_one, two_before_less_two = state.late
  head = jnp.maximum(before_less_three, less_two)
  second = _maximum(two_before_less_two, before_less_one, whole)
  triple = _maximum(whole, *state.whole)
  end = pool(six)
  window = jnp.stack(
    [
      state.head[-1],
      state.second[-1],
      *reversed(state.triples),
      _maximum(whole, state.whole[0], end),
      _maximum(end, pool(five), pool(four)),
    ]
  )
  return (
    StemState(
      one=(one,),
      two=(two,),
      three=(three,),
      four=four,
      five=five,
      six=six,
      whole=(whole, state.whole[0]),
      late=(less_three, less_two, less_one, state.late[1]),
      head=(head,),
      second=(second,),
      triples=(triple,),
    ),
    window,
  )


def _maximum(*arrays: Sequence[jax.Array]) -> jax.Array:
  result = arrays[0]
  for array in arrays[1:]:
    result = jnp.maximum(result, array)
  return result


def _spatial_maximum(x: jax.Array) -> jax.Array:
  """Pools [h, w, c] by 3x3 at stride 2 with a border of one."""
  h, w, c = x.shape
  x = x.reshape(h, w // 2, 2, c)
  even, odd = x[:, :, 0], x[:, :, 1]
  before = jnp.concatenate([even[:, :1], odd[:, :-1]], axis=1)
  x = _maximum(even, odd, before).reshape(h // 2, 2, w // 2, c)
  even, odd = x[:, 0], x[:, 1]
  before = jnp.concatenate([even[:1], odd[:-1]], axis=0)
  return _maximum(even, odd, before)
