"""From a checkpoint on disk to a model."""

import os
import pathlib

import jax.numpy as jnp

from dave_jax.buckets import local_model
from dave_jax.prediction.saliency_model import SaliencyModel
from dave_jax.weights import model_folder as store
from dave_jax.weights.bundled import BUNDLED


def load(
  folder: str | os.PathLike | None = None, *, dtype=jnp.float32
) -> SaliencyModel:
  """Reads a checkpoint that was converted or trained.

  Args:
    folder: The checkpoint, or a training run, of which `best` is read, on a
      disk or in a bucket (gs://, s3://); None is the bundled small network
      that its MODEL_CARD.md describes.
    dtype: Type of the network's computation.

  Raises:
    FileNotFoundError: There is no checkpoint.
    ValueError: It is damaged, incomplete, or not of a complete network.
  """
  folder = pathlib.Path(BUNDLED if folder is None else local_model(folder))
  if not (folder / store.DESCRIPTION).exists() and (folder / 'best').is_dir():
    folder = folder / 'best'
  stored = store.load(folder, dtype=dtype)
  if stored.contents != 'network':
    names = ' and '.join(sorted(stored.variables['params']))
    raise ValueError(
      f'{folder}: expected a complete network, got {names} alone, which '
      'training can start from'
    )
  return SaliencyModel(
    stored.module,
    stored.variables,
    origin=stored.origin,
    fingerprint=stored.fingerprint,
  )
