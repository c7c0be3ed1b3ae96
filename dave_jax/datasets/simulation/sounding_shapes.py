"""A simulation: things that sound in turn, and viewers who follow them.

Nothing here was filmed and nobody looked: clips, sounds and gaze are computed
(see `datasets.simulation`), for trying the system without a download and for
measuring what sound adds where that is known. Scores on it say nothing of
people.

What sounds cannot be told from the picture alone. By construction: the turns
are drawn from random numbers of their own and know only how many things there
are, and with other turns every pixel stays the same (tested); a thing has no
part that moves or shines with its voice. By measurement: a classifier of what
each thing is, how it moves, its size and place, fitted on 400 clips, picks the
thing that sounds in 258 others in 0.411 of moments, guessing in 0.418;
difference -0.001, standard error 0.014
(`benchmarks/sound_is_hidden.py`).
"""

import dataclasses
import pathlib

import av
import numpy as np
import scipy.io.wavfile

from dave_jax.datasets.builder import Config, SaliencyBuilder
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
_CLIPS, _IMAGES = 0, 1  # Random numbers of the two sets differ.
# The order in which sorts follow each other in a split: two in three clips are
# social, which alone tell which voice goes with which look.
_SORTS = tuple(
  sort
  for misc in ('silent', 'unseen', 'cuts')
  for sort in ('social', 'nature', 'social', misc, 'social', 'social')
)
_IMAGE_SORTS = ('silent', 'silent', 'silent', 'nature')


@dataclasses.dataclass(frozen=True)
class ShapesSource:
  """Made up: takes no downloads. A SIMULATION, gaze included.

  Clips of 4 to 8 s at 25 or 30 frames a second, drawn at the size they are
  stored in. Nature: one thing; Social: two or three (of five kinds or more, two
  to four) that take turns in sounding; Misc: silence, voices off-screen, or
  cuts with a voice over them. A larger split begins with the clips of a smaller
  one.

  Attributes:
    train, val, test: Clips of each split.
    seed: The same seed gives the same set.
    kinds: How many kinds of things there are, 3 to 6. Which voice goes with
      which look takes far longer to learn of six than of four.
    turn: Seconds that a thing sounds in its turn, on average. A window holds
      1.3 s of sound: with short turns most hold two voices, and where gaze is
      depends on which came first.
    viewers: Simulated viewers of each clip.
    degrees: Visual angle of the frame's height; a degree blurs fixations.
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
    """Returns what a clip of this set shows, by its name."""
    return _scenario(self, _CLIPS, name, self.turn)


@dataclasses.dataclass(frozen=True)
class ShapesImagesSource:
  """Made up: takes no downloads. A SIMULATION, gaze included.

  Still images of the things of sounding_shapes, which rest and are silent, one
  to three in an image, each looked at for 3 s.

  Attributes:
    train, val, test, seed, kinds, viewers, degrees: As of sounding_shapes.
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
    """Returns what an image of this set shows, in its first frame."""
    return _scenario(self, _IMAGES, name, TURN)


def boxes(
  scenario: Scenario, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns where what sounds is on the screen.

  Args:
    scenario: A clip; one whose voices have a place has no cut.
    height, width: Of the frame.

  Returns:
    (int32 [k], frame of each box, ascending; float32 [k, 4], its left, top,
    right and bottom in pixels, none of it beside the frame).
  """
  frames, numbers = scenario.sounding()
  things = scenario.shots[0].scene.things
  box = np.zeros((len(frames), 4), np.float32)
  for number, thing in enumerate(things):
    rows = numbers == number
    middle = thing.places(frames[rows] / scenario.rate) * [width, height]
    reach = thing.diameter * height / 2
    box[rows] = np.hstack([middle - reach, middle + reach])
  box = np.clip(box, 0, [width, height, width, height])
  return frames.astype(np.int32), box.astype(np.float32)


def _listed(source, name, sorts, *, still):
  counts = {split: getattr(source, split) for split in _SPLITS}
  if min(counts.values()) < 0:
    raise ValueError(f'got {counts}, wanted 0 or more of each split')
  if not 3 <= source.kinds <= len(KINDS):
    raise ValueError(f'got {source.kinds} kinds, wanted 3 to {len(KINDS)}')
  clips = []
  for split, count in counts.items():
    for number in range(count):
      sort = sorts[number % len(sorts)]
      clips.append(
        SourceClip(
          name=f'{split}_{number:04d}_{sort}',
          source=name,
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
  """Writes the frames as they are, without loss."""
  h, w = size
  with av.open(str(path), 'w', format='nut') as container:
    video = container.add_stream('rawvideo', rate=scenario.rate)
    video.width, video.height, video.pix_fmt = w, h, 'rgb24'
    for picture in scenario.pictures(size):
      frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
      container.mux(video.encode(frame))
    container.mux(video.encode())


class SoundingShapes(SaliencyBuilder):
  """A simulation: clips of things that sound in turn."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='A simulation: things that sound in turn, computed gaze of '
      '16 viewers. Made up, not recorded.',
      source=ShapesSource(),
      licence='Apache 2.0.',
    ),
  )


class SoundingImages(SaliencyBuilder):
  """A simulation: still images of the same things."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='A simulation: still images in the manner of '
      'sounding_shapes, computed gaze of 16 viewers. Made up, not recorded.',
      source=ShapesImagesSource(),
      licence='Apache 2.0.',
    ),
  )
