"""The simulated data sets sounding_shapes and sounding_images.

Clips, sounds and gaze are computed: nothing was filmed and nobody was recorded.
They serve to try the system without a download, and to measure what sound adds
where that is known. Scores on them say nothing about people.

The frames do not tell which object sounds: the turns come from an independent
random stream and depend on the number of objects only, and no part of an object
moves or lights up with its voice. With other turns every pixel is the same.
"""

import dataclasses
import pathlib

import av
import numpy as np
import scipy.io.wavfile

from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scenario import (
  CATEGORY,
  TURN,
  Scenario,
  make_scenario,
)
from dave_jax.datasets.simulation.viewers import VIEWERS, watch, watch_image
from dave_jax.datasets.source import Picture, SourceClip
from dave_jax.media.audio import SAMPLE_RATE
from dave_jax.media.image_file import write_image

_SPLITS = ('train', 'val', 'test')
_CLIPS, _IMAGES = 0, 1  # Different random streams of the two sets.
# Sorts of successive clips in a split. Two in three clips are social: only
# these tell which voice goes with which look.
_SORTS = tuple(
  sort
  for misc in ('silent', 'unseen', 'cuts')
  for sort in ('social', 'nature', 'social', misc, 'social', 'social')
)
_IMAGE_SORTS = ('silent', 'silent', 'silent', 'nature')


@dataclasses.dataclass(frozen=True)
class ShapesSource:
  """Simulated clips and gaze; needs no downloads.

  Clips last 4 to 8 s at 25 or 30 frames a second and are drawn at the size of
  the stored frames. Categories: Nature, one object; Social, two to four objects
  that sound in turn; Misc, silence, off-screen voices, or cuts with off-screen
  voices. A larger split begins with the clips of a smaller one.

  Attributes:
    train, val, test: Number of clips of each split.
    seed: The same seed gives the same set.
    kinds: Number of kinds of objects, 3 to 6. The more there are, the longer it
      takes to learn which voice goes with which look.
    turn: Mean duration of a turn in seconds. A window spans 1.3 s of sound:
      with short turns most windows hold two voices, and gaze depends on their
      order.
    viewers: Number of viewers of each clip.
    degrees: Visual angle of the frame's height; fixations are blurred by one
      degree.
  """

  train: int = 240
  val: int = 48
  test: int = 48
  seed: int = 0
  kinds: int = 4
  turn: float = TURN
  viewers: int = VIEWERS
  degrees: float = 16.0

  def find(
    self, root: pathlib.Path | None
  ) -> tuple[list[SourceClip], list[str]]:
    return _listed(self, 'sounding_shapes', _SORTS, still=False), []

  def make(
    self, clip: SourceClip, folder: pathlib.Path, size: tuple[int, int]
  ) -> SourceClip:
    scenario = self.scenario(clip.name)
    picture, sound = folder / 'picture.nut', None
    _write_pictures(picture, scenario, size)
    waveform = scenario.waveform()
    if waveform is not None:
      sound = folder / 'sound.wav'
      scipy.io.wavfile.write(sound, SAMPLE_RATE, waveform)
    return dataclasses.replace(
      clip, picture=picture, sound=sound, silent=waveform is None
    )

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    scenario = self.scenario(clip.name)
    frame, box = boxes(scenario, picture.height, picture.width)
    return Gaze(
      fixations=_in_pixels(watch(scenario, self.viewers), picture),
      height=picture.height,
      width=picture.width,
      frames=scenario.frames,
      viewers=self.viewers,
      sigma=picture.height / self.degrees,
      sounding_box=box,
      sounding_frame=frame,
    )

  def scenario(self, name: str) -> Scenario:
    """Returns the script of a clip, by its name."""
    return _scenario(self, _CLIPS, name, self.turn)


@dataclasses.dataclass(frozen=True)
class ShapesImagesSource:
  """Simulated still images and fixations; needs no downloads.

  Images show one to three objects of sounding_shapes. Each is viewed for 3 s.

  Attributes:
    train, val, test, seed, kinds, viewers, degrees: See `ShapesSource`.
  """

  train: int = 400
  val: int = 40
  test: int = 40
  seed: int = 0
  kinds: int = 4
  viewers: int = VIEWERS
  degrees: float = 16.0

  def find(
    self, root: pathlib.Path | None
  ) -> tuple[list[SourceClip], list[str]]:
    return _listed(self, 'sounding_images', _IMAGE_SORTS, still=True), []

  def make(
    self, clip: SourceClip, folder: pathlib.Path, size: tuple[int, int]
  ) -> SourceClip:
    image = next(self.scenario(clip.name).pictures(size))
    path = folder / 'picture.png'
    write_image(path, image)
    return dataclasses.replace(clip, picture=path)

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    fixations = watch_image(self.scenario(clip.name), self.viewers)
    return Gaze(
      fixations=_in_pixels(fixations, picture),
      height=picture.height,
      width=picture.width,
      frames=1,
      viewers=self.viewers,
      sigma=picture.height / self.degrees,
    )

  def scenario(self, name: str) -> Scenario:
    """Returns the script of a clip whose first frame is the image."""
    return _scenario(self, _IMAGES, name, TURN)


def boxes(
  scenario: Scenario, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the bounding boxes of the on-screen sound sources.

  Args:
    scenario: The clip.
    height, width: Size of the frame.

  Returns:
    The frame of each box, int32 [k], ascending; and its left, top, right and
    bottom in pixels, clipped to the frame, float32 [k, 4].
  """
  frames, numbers = scenario.sounding()
  objects = scenario.shots[0].scene.objects
  box = np.zeros((len(frames), 4), np.float32)
  for number, item in enumerate(objects):
    rows = numbers == number
    middle = item.places(frames[rows] / scenario.rate) * [width, height]
    reach = item.diameter * height / 2
    box[rows] = np.hstack([middle - reach, middle + reach])
  box = np.clip(box, 0, [width, height, width, height])
  return frames.astype(np.int32), box.astype(np.float32)


def _listed(source, name, sorts, *, still):
  counts = {split: getattr(source, split) for split in _SPLITS}
  if min(counts.values()) < 0:
    raise ValueError(f'expected 0 or more clips of each split, got {counts}')
  if not 3 <= source.kinds <= len(KINDS):
    raise ValueError(f'expected 3 to {len(KINDS)} kinds, got {source.kinds}')
  clips = []
  for split, count in counts.items():
    for number in range(count):
      sort = sorts[number % len(sorts)]
      clips.append(
        SourceClip(
          name=f'{split}_{number:04d}_{sort}',
          source=name,
          gaze_kind='simulated',
          split=split,
          category=CATEGORY[sort] if not still else '',
          picture=pathlib.Path('made', f'{split}_{number:04d}_{sort}'),
          still=still,
        )
      )
  return clips


def _scenario(source, kind, name, turn):
  split, number, sort = name.split('_')
  key = (source.seed, kind, _SPLITS.index(split), int(number))
  return make_scenario(sort, key, source.kinds, turn)


def _in_pixels(fixations, picture):
  size = [picture.width, picture.height]
  return dataclasses.replace(fixations, xy=fixations.xy * size)


def _write_pictures(path, scenario, size):
  """Writes the frames losslessly."""
  h, w = size
  with av.open(str(path), 'w', format='nut') as container:
    video = container.add_stream('rawvideo', rate=scenario.rate)
    video.width, video.height, video.pix_fmt = w, h, 'rgb24'
    for picture in scenario.pictures(size):
      frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
      container.mux(video.encode(frame))
    container.mux(video.encode())


SOUNDING_SHAPES = Config(
  name='default',
  description='Simulated clips of objects that sound in turn, with the '
  'simulated gaze of 16 viewers.',
  source=ShapesSource(),
  licence='Apache 2.0.',
)


SOUNDING_IMAGES = Config(
  name='default',
  description='Simulated still images in the style of sounding_shapes, '
  'with the simulated gaze of 16 viewers.',
  source=ShapesImagesSource(),
  licence='Apache 2.0.',
)
