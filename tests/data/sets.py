"""Small data sets, written as the builders write them."""

import dataclasses

import cv2
import numpy as np
import simplejpeg
import tensorflow_datasets as tfds

from dave_jax.datasets import schema
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.records import ClipContent, Storage
from dave_jax.datasets.store import Dataset, open_dataset
from tests.media.clips import picture

FRAME_SIZE = (64, 96)
SIZE = (200, 300)  # Height and width of originals.


def fixation_at(frame: int) -> tuple[float, float]:
  """Returns x, y in pixels of an original; always inside."""
  return 3.25 + (37 * frame) % 290, 2.5 + (23 * frame) % 190


def noise(seconds: float, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  loudness = rng.uniform(0.01, 0.5, round(seconds * 20) + 1).repeat(800)
  samples = round(seconds * 16000)
  return (loudness[:samples] * rng.normal(size=samples)).astype(np.float32)


def make_clip(
  name,
  *,
  frames=1,
  rate=25.0,
  times=None,
  waveform=None,
  fixated=None,
  sigma=20.0,
  pictures=None,
  density=(),
  split='train',
  frame_size=FRAME_SIZE,
  xy=None,
) -> ClipContent:
  """Returns a clip whose frames show their numbers; rate 0 makes a still.

  Args:
    times: Seconds of each frame; None is i / rate.
    fixated: Frames with one fixation, at `fixation_at`; None is all.
    pictures: [frames, h, w, 3]; None are those of `tests.media.clips`.
    density: Files of density maps.
    xy: [fixated, 2], where; None is `fixation_at`.
  """
  fixated = np.arange(frames) if fixated is None else np.array(fixated)
  if times is None:
    times = np.arange(frames) / rate if rate else np.zeros(1)
  if pictures is None:
    pictures = [picture(n, *frame_size) for n in range(frames)]
  if xy is None:
    xy = [fixation_at(n) for n in fixated]
  xy = np.array(xy, np.float64).reshape(-1, 2)
  fixations = Fixations(xy, fixated, np.zeros(fixated.size, np.int32))
  entry = schema.Clip(
    name=name,
    source='made',
    split=split,
    category='',
    first_record=0,
    frames=frames,
    rate=rate,
    height=SIZE[0],
    width=SIZE[1],
    has_sound=waveform is not None,
    viewers=1,
    fixations=len(fixations),
    fixated=schema.runs(fixated),
  )
  return ClipContent(
    entry,
    {},
    (),
    Gaze(fixations, *SIZE, frames=frames, sigma=sigma, density=tuple(density)),
    [simplejpeg.encode_jpeg(image, 95, 'RGB') for image in pictures],
    np.asarray(times, np.float64),
    waveform,
    fixations,
  )


class Made(SaliencyBuilder):
  """Writes clips that are there already."""

  def __init__(self, clips, frame_size, **kwargs):
    self._made = clips
    self._frame_size = frame_size
    super().__init__(**kwargs)

  def _split_generators(self, dl_manager):
    self.info.metadata['settings'] = {'frame_size': list(self._frame_size)}
    self.info.metadata['clips'] = []
    splits = dict.fromkeys(clip.entry.split for clip in self._made)
    return {split: self._records(split) for split in splits}

  def _records(self, split):
    number = 0
    for clip in self._made:
      if clip.entry.split != split:
        continue
      entry = dataclasses.replace(clip.entry, first_record=number)
      self.info.metadata['clips'].append(dataclasses.asdict(entry))
      for record in clip.records():
        yield number, record
        number += 1


def write_set(folder, name, clips, frame_size=FRAME_SIZE) -> Dataset:
  """Writes and opens a data set."""
  config = Config(name=name, source=None, storage=Storage(frame_size))
  builder = Made(
    clips,
    frame_size,
    config=config,
    data_dir=folder,
    file_format='array_record',
  )
  tfds.disable_progress_bar()
  builder.download_and_prepare()
  return open_dataset(folder, f'made/{name}')


def write_grey(path, image):
  """Writes a density map [h, w] uint8 and returns its path."""
  cv2.imwrite(str(path), image)
  return path


class SpeechCommands(tfds.core.GeneratorBasedBuilder):
  """Three sounds of 100 to 102 samples, stored as TFDS stores that set."""

  VERSION = tfds.core.Version('0.0.3')

  def _info(self):
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {
          # `Audio` gives the same bytes, and asks for TensorFlow.
          'audio': tfds.features.Tensor(shape=(None,), dtype=np.int16),
          'label': tfds.features.ClassLabel(names=['down', 'go']),
        }
      )
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    for n in range(3):
      samples = np.full(100 + n, 8192 * n, np.int16)
      yield n, {'audio': samples, 'label': n % 2}
