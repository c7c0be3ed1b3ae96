"""Audio-visual saliency prediction for video (DAVE) in JAX and Flax.

The names here stay stable:

- `load(folder)`: a converted or trained checkpoint as a `SaliencyModel`.
- `SaliencyModel`: maps of windows, of a video file, or of a stream of frames.
- `LiveSaliency`: streaming prediction of frames and sound as they arrive.
- `normalise(frames)`: frames of 0 to 255 as the networks take them.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
  from dave_jax.models.normalisation import normalise
  from dave_jax.prediction.live import LiveSaliency
  from dave_jax.prediction.loading import load
  from dave_jax.prediction.saliency_model import SaliencyModel

__version__ = '0.1.0'
VERSION = f'dave-jax {__version__}'  # What --version prints.

_PUBLIC = {
  'load': 'dave_jax.prediction.loading',
  'SaliencyModel': 'dave_jax.prediction.saliency_model',
  'LiveSaliency': 'dave_jax.prediction.live',
  'normalise': 'dave_jax.models.normalisation',
}

__all__ = ['LiveSaliency', 'SaliencyModel', 'load', 'normalise']


def __getattr__(name: str):
  """Imports a public name on first use, since JAX takes seconds to import."""
  if name in _PUBLIC:
    return getattr(importlib.import_module(_PUBLIC[name]), name)
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted([*globals(), *_PUBLIC])
