"""The data sets and weights that a config needs before it can train."""

import os
import pathlib

from ml_collections import ConfigDict

from dave_jax.buckets import files_in, is_bucket
from dave_jax.datasets.store import open_dataset
from dave_jax.training.saliency_data import parse_splits

_TRAINED_ON = ('audio_visual', 'images', 'silent_video', 'validation')


def check_requirements(config: ConfigDict, workdir: str | os.PathLike) -> None:
  """Checks that the data sets and weights of a config are there.

  Args:
    config: See configs/davos.py and configs/speech_commands.py.
    workdir: Folder of the run. One that has checkpoints needs no weights.

  Raises:
    FileNotFoundError: Some are missing. The message lists all of them, each
      with the command that makes it.
  """
  if config.fake_data:
    return
  missing = _missing_sets(config)
  if not list(pathlib.Path(workdir).glob('checkpoints/[0-9]*')):
    missing += _missing_weights(config)
  if missing:
    count = f'{len(missing)} thing{"s are" if len(missing) > 1 else " is"}'
    raise FileNotFoundError(
      f'{count} missing:\n  '
      + '\n  '.join(missing)
      + '\n`python -m dave_jax.datasets.prepare NAME` says where to download a '
      'data set, docs/data.md of the repository also where to get weights. To '
      'try the config without any, add --config.fake_data.'
    )


def _missing_sets(config):
  if config.task != 'saliency':
    if pathlib.Path(config.data.folder).is_dir():
      return []
    return [
      f'{config.data.folder} (data.folder): download and unpack Speech '
      'Commands, or set --config.data.folder to a folder of sounds'
    ]
  data, fields = config.data, {}
  for field in _TRAINED_ON:
    for name, _ in parse_splits(data[field]):
      fields.setdefault(name, []).append(f'data.{field}')
  height, width = config.model.frame_size
  missing = []
  for name, used in fields.items():
    try:
      open_dataset(data.data_dir, name)
    except FileNotFoundError:
      missing.append(
        f'{pathlib.Path(data.data_dir, name)} ({", ".join(used)}): python -m '
        f'dave_jax.datasets.prepare {name} --source=DOWNLOADS '
        f'--data_dir={data.data_dir} --frame_size={height}x{width}'
      )
  return missing


def _missing_weights(config):
  missing = []
  for field in ('network', 'video_encoder', 'audio_encoder'):
    folder = config.start.get(field)
    unused = (field, config.model.get('modality')) in (
      ('video_encoder', 'audio'),
      ('audio_encoder', 'video'),
    )
    if folder and not unused and not _exists(folder):
      missing.append(
        f'{folder} (start.{field}): {_command(config, field, folder)}; '
        f'or start from random weights: --config.start.{field}='
      )
  return missing


def _exists(folder):
  if is_bucket(folder):
    return bool(files_in(folder))
  return pathlib.Path(folder).exists()


def _command(config, field, folder):
  """Returns the command that makes the weights of a field."""
  if field == 'network':
    return 'train it first, or name the best/ of another run'
  if config.task == 'saliency' and field == 'audio_encoder':
    return (
      'python -m dave_jax.main --config=speech_commands '
      '--config.data.folder=DOWNLOADS'
    )
  if config.model.get('video_backbone') == 'efficientnet_lite0':
    return (
      'python -m dave_jax.convert --source=efficientnet-lite0-57934424.pth '
      f'--out={folder}'
    )
  return (
    'python -m dave_jax.convert --source=resnet-18-kinetics.pth '
    f'--encoders=video_encoder,audio_encoder --out={folder}'
  )
