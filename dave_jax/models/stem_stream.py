"""Streaming computation of the stem, once for each frame of a video.

Consecutive windows of 16 frames share 15 of them, and the encoder's stem (7x7x7
convolution, batch norm, ReLU, 3x3x3 max pool) is 40% of the work. The results
equal those of the stem on whole windows, up to rounding.

The convolution is a sum over seven temporal taps: output time q adds tap d
applied to frame q + d, for d = -3..3. Each frame is convolved once with all
seven taps, and the sums are completed as frames arrive: after frame f, the sum
of time f has four taps, f - 1 five, f - 2 six, and f - 3 all seven.

- Inside a window (times 3 to 12) the sums are complete and shared by all
  windows.
- At its end (times 13 to 15) they are the sums of six, five and four taps that
  later frames have not completed yet.
- At its start (times 0 to 2) they are the complete sums minus the three, two or
  one taps that use frames before the window.

The gain of batch norm is folded into the kernel. Its offset and the ReLU are
monotonic, so they are applied after the spatial maximum, to a quarter of the
values. Temporal maxima over complete sums are shared by every other window.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dave_jax.kernels.batch_norm import EPSILON

WINDOW = 16


class StemWeights(NamedTuple):
  """The stem's weights with the gain of batch norm folded into the kernel.

  Attributes:
    kernel: [7, 7, c, 7 * features], the temporal taps side by side.
    offset: [features].
  """

  kernel: jax.Array
  offset: jax.Array


class StemState(NamedTuple):
  """What later windows need of the frames so far, newest first.

  Times are relative to the last frame, f. Sums are [h / 2, w / 2, features],
  before offset and ReLU; pooled maps are [h / 4, w / 4, features].

  Attributes:
    one, two, three: Sums of the first one, two or three taps, at times from
      f + 3, f + 2 and f + 1 down to f - 2. They are subtracted later.
    four, five, six: Sums of the first four, five and six taps, at times f,
      f - 1 and f - 2.
    whole: Pooled maps of the complete sums at f - 3 and f - 4.
    late: Pooled maps of the complete sums minus the first three, two and one
      taps, at f - 3; then minus two, at f - 4.
    head: First pooled output of the windows that start at f - 4 and before.
    second: Second pooled output of the windows that start at f - 6 and before.
    triples: Temporal maxima over three of `whole`, from the one that starts at
      f - 5 on, going back.
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


# Number of arrays in the fields that are tuples.
_SUMS = {'one': 6, 'two': 5, 'three': 4}
_POOLED = {'whole': 2, 'late': 4, 'head': 11, 'second': 9, 'triples': 7}


def stem_weights(
  variables: dict, channels: int = 3, dtype=jnp.float32
) -> StemWeights:
  """Returns the stem weights of an encoder for streaming.

  Args:
    variables: {'params', 'batch_stats'} of the encoder (`ResNet3D`).
    channels: Channels of the frames: 3, or 1 for three equal ones.
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
  gain = scale * lax.rsqrt(jnp.asarray(variance) + EPSILON)
  taps, h, w, c, features = kernel.shape
  kernel = (kernel * gain).transpose(1, 2, 3, 0, 4)
  kernel = kernel.reshape(h, w, c, taps * features)
  offset = bias - mean * gain
  return StemWeights(kernel.astype(dtype), offset.astype(dtype))


def first_state(weights: StemWeights, frame: jax.Array) -> StemState:
  """Returns the state before the first frame, as if it had been repeated.

  Args:
    weights: See `stem_weights`.
    frame: First frame of the video, normalised, [h, w, c].
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
  """Adds a frame to the stream.

  Args:
    weights: See `stem_weights`.
    state: State after the previous frame.
    frame: Normalised frame [h, w, c].

  Returns:
    The new state, and the stem's output [8, h / 4, w / 4, features] for the
    window of the 16 frames that end with this one.
  """
  return _step(weights, state, _convolve(weights, frame))


def _step(weights, state, responses):
  """Adds the responses [h/2, w/2, 7 * features] of a frame."""
  # Arrays that only move to another position stay out of the compiled program,
  # which would copy them.
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
  """Returns the new state, whose queues hold only their newest entry."""
  # The first tap of a time applies to the frame three before it, so this frame
  # contributes its first response to the time three later.
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
