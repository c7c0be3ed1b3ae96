"""The release of STAViS: six audio-visual sets as frames and maps."""

import dataclasses
import pathlib

from dave_jax.datasets import folds
from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  Picture,
  SourceClip,
  gaps,
  listing,
  numbered,
)

SETS = {
  'diem': 'DIEM',
  'coutrot1': 'Coutrot_db1',
  'coutrot2': 'Coutrot_db2',
  'avad': 'AVAD',
  'etmd': 'ETMD_av',
  'summe': 'SumMe',
}
_FOLDERS = ('video_frames', 'video_audio', 'annotations', 'fold_lists')

CITATION = """@inproceedings{tsiami2020stavis,
  title={{STAViS}: Spatio-temporal audiovisual saliency network},
  author={Tsiami, Antigoni and Koutras, Petros and Maragos, Petros},
  booktitle={CVPR}, year={2020}}"""
LICENCE = 'CC BY-NC-SA 4.0 and the terms of each set.'
HOMEPAGE = 'http://cvsp.cs.ntua.gr/research/stavis/'


@dataclasses.dataclass(frozen=True)
class StavisSource:
  """The folder that holds video_frames/, video_audio/ and the others.

  video_frames/SET/NAME/img_00001.jpg, video_audio/SET/NAME/NAME.wav,
  annotations/SET/NAME/maps/eyeMap_00001.jpg,
  annotations/SET/NAME/fixMap_00001.mat (`eyeMap`, all viewers together) and
  fold_lists/. Assumed: image, map and points of one number are of one frame,
  frame 1 and the sound begin together, and the rate is the lists'.

  Attributes:
    set_name: Of the set in the release, such as 'Coutrot_db1'.
    name: The name it goes by here.
    pixels_per_degree: One degree of visual angle; 0 where the release's maps
      are all that is known.
  """

  set_name: str
  name: str
  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    problems = lacking_folders(root)
    if problems:
      return [], problems
    listed = folds.stavis(root / 'fold_lists', self.set_name)
    number = len(
      frozenset().union(*(c.train | c.test for c in listed.values()))
    )
    clips = []
    for name, clip in sorted(listed.items()):
      found, problem = find_clip(root, self.set_name, name, clip)
      if problem:
        problems.append(problem)
      if found is None:
        continue
      clips.append(
        dataclasses.replace(
          found, source=self.name, split=folds.stavis_split(clip, number)
        )
      )
    present = root / 'video_frames' / self.set_name
    if present.is_dir():
      strays = sorted({p.name for p in present.glob('*/')} - set(listed))
      if strays:
        problems.append(f'{present}: in no fold list: {listing(strays)}')
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    return read_gaze(clip, self.pixels_per_degree)


def lacking_folders(root: pathlib.Path) -> list[str]:
  """Returns what the root of a release lacks."""
  return [
    f'{root}: holds no {name}/'
    for name in _FOLDERS
    if not (root / name).is_dir()
  ]


def find_clip(
  root: pathlib.Path, set_name: str, name: str, listed: folds.ListedClip
) -> tuple[SourceClip | None, str]:
  """Returns a clip, None where it lacks something, and what is wrong with it.

  Frames must be numbered from 1 without a gap, and so must points and maps as
  far as they go; that they end earlier or later is told when they are read.
  """
  frames = root / 'video_frames' / set_name / name
  sound = root / 'video_audio' / set_name / name / f'{name}.wav'
  annotations = root / 'annotations' / set_name / name
  problems = [
    *gaps(frames, 'img_*.jp*g'),
    *gaps(annotations, 'fixMap_*.mat'),
    *gaps(annotations / 'maps', 'eyeMap_*.jp*g'),
  ]
  if not sound.exists():
    problems.append(f'{sound} is missing')
  if problems:
    return None, f'{set_name}/{name}: {"; ".join(problems)}'
  problem = ''
  held = len(numbered(frames, 'img_*.jp*g'))
  if abs(held - listed.frames) > 1:
    problem = (
      f'{set_name}/{name}: {frames} holds {held} frames, {listed.frames} are '
      'listed'
    )
  return SourceClip(
    name=name,
    source=set_name,
    split='',
    picture=frames,
    sound=sound,
    rate=listed.rate,
    gaze=annotations,
    density=annotations / 'maps',
  ), problem


def read_gaze(clip: SourceClip, sigma: float) -> Gaze:
  """Reads the points and lists the maps of a clip, all viewers together."""
  points = sorted(numbered(clip.gaze, 'fixMap_*.mat').items())
  maps = numbered(clip.density, 'eyeMap_*.jp*g')
  parts, shapes = [], set()
  for number, path in points:
    fixated = gaze_lib.read_mat(path, 'eyeMap')
    if fixated.ndim != 2:
      raise ValueError(
        f'{path}: eyeMap has shape {fixated.shape}, wanted height and width'
      )
    shapes.add(fixated.shape)
    parts.append(gaze_lib.of_map(fixated, number - 1))
  if len(shapes) != 1:
    raise ValueError(f'{clip.gaze}: fixMaps are of several sizes, {shapes}')
  [(height, width)] = shapes
  return Gaze(
    fixations=gaze_lib.joined(parts),
    height=height,
    width=width,
    frames=len(points),
    density=tuple(maps.get(number) for number in range(1, max(maps) + 1)),
    sigma=sigma,
  )


class Stavis(SaliencyBuilder):
  """The six sets of the STAViS release; see `folds.fold_split`."""

  BUILDER_CONFIGS = tuple(
    Config(
      name=name,
      description=f'{set_name} of the STAViS release, fixations of all viewers '
      'together, folds 1 to 3 (DIEM has one).',
      source=StavisSource(set_name=set_name, name=name),
      citation=CITATION,
      licence=LICENCE,
      homepage=HOMEPAGE,
    )
    for name, set_name in SETS.items()
  )
