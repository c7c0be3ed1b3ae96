"""What can be exported of a model: functions of arrays by name."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dave_jax.media import clock
from dave_jax.models import frame_features, stem_stream
from dave_jax.models.normalisation import normalise
from dave_jax.prediction.saliency_model import SaliencyModel

PROGRAMS = ('window', 'stream_start', 'stream_step')
_FRAMES, _BANDS = clock.WINDOW_FRAMES, clock.MEL_BANDS


class Program(NamedTuple):
  """A function to export.

  Attributes:
    function: Takes the inputs by name; returns {name: output}.
    inputs: {name: shape and type}.
  """

  function: Callable[..., dict[str, jax.Array]]
  inputs: dict[str, jax.ShapeDtypeStruct]


def make_program(
  model: SaliencyModel,
  name: str,
  *,
  size: tuple[int, int],
  batch: int = 1,
  lax_kernels: bool = False,
) -> Program:
  """Returns a program of a model; docs/export.md lists inputs and outputs.

  Args:
    model: The network with its weights.
    name: One of PROGRAMS.
    size: Height and width of the frames, divisible by 32.
    batch: Windows in a call of 'window'.
    lax_kernels: See `dave_jax.kernels.conv3d.conv3d`.

  Raises:
    ValueError: The size is none of the network, or the program is for video
      and the network uses none.
  """
  if size[0] < 32 or size[1] < 32 or size[0] % 32 or size[1] % 32 or batch < 1:
    raise ValueError(
      'expected a height and width divisible by 32 and a batch of 1 or more, '
      f'got {size[0]}x{size[1]}, batch {batch}'
    )
  module = model.module.clone(
    lax_kernels=lax_kernels, frame_size=tuple(size), parent=None, name=None
  )
  if name == 'window':
    return _window(module, model.variables, batch)
  if not model.uses_video:
    raise ValueError(
      f'{name}: an audio-only network has no stream of frames; export its '
      'window'
    )
  stream = _FrameStream if module.encodes_frames else _StemStream
  return _stream(module, model.variables, stream(module, model.variables), name)


def _window(module, variables, batch):
  def function(frames=None, log_mel=None):
    video = None if frames is None else normalise(frames)
    maps = module.apply(variables, video, log_mel, train=False)
    return {'saliency': maps}

  inputs = {}
  if module.uses_video:
    shape = (batch, _FRAMES, *module.frame_size, 3)
    inputs['frames'] = jax.ShapeDtypeStruct(shape, jnp.uint8)
  if module.uses_audio:
    inputs['log_mel'] = _log_mel(batch)
  return Program(function, inputs)


def _log_mel(batch):
  return jax.ShapeDtypeStruct((batch, _FRAMES, _BANDS, _BANDS), jnp.float32)


def _stream(module, variables, stream, name):
  frame = jax.ShapeDtypeStruct((*module.frame_size, 3), jnp.uint8)

  def start(frame):
    return stream.start(frame)

  if name == 'stream_start':
    return Program(start, {'frame': frame})

  def step(frame, log_mel=None, **state):
    state, encoded = stream.push(state, frame)
    maps = module.apply(
      variables, encoded, log_mel, train=False, from_stem=True
    )
    return {'saliency': maps[0]} | {f'new_{k}': x for k, x in state.items()}

  inputs = {'frame': frame}
  if module.uses_audio:
    inputs['log_mel'] = _log_mel(1)
  return Program(step, inputs | jax.eval_shape(start, frame))


class _FrameStream:
  """The features of the last 16 frames."""

  def __init__(self, module, variables):
    self._encode = lambda frame: frame_features.encode_image(
      variables,
      frame,
      features=8 * module.width,
      dtype=module.dtype,
      lax_kernels=module.lax_kernels,
    )

  def start(self, frame):
    coarse = self._encode(frame).coarse
    return {'features': jnp.stack([coarse] * _FRAMES)}

  def push(self, state, frame):
    new = self._encode(frame)
    features = jnp.concatenate([state['features'][1:], new.coarse[None]])
    encoded = frame_features.FrameFeatures(features[None], new.fine[None])
    return {'features': features}, encoded


class _StemStream:
  """The state of the 3D encoder's stem, each field as one array."""

  def __init__(self, module, variables):
    encoder = {c: tree['video_encoder'] for c, tree in variables.items()}
    self._weights = stem_stream.stem_weights(encoder, dtype=module.dtype)

  def start(self, frame):
    return _pack(stem_stream.first_state(self._weights, normalise(frame)))

  def push(self, state, frame):
    state = stem_stream.StemState(
      **{
        field: x if field in ('four', 'five', 'six') else tuple(x)
        for field, x in state.items()
      }
    )
    state, window = stem_stream.push(self._weights, state, normalise(frame))
    return _pack(state), window[None]


def _pack(state):
  return {
    field: jnp.stack(x) if isinstance(x, tuple) else x
    for field, x in state._asdict().items()
  }
