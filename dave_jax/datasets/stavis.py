"""The STAViS release: six audio-visual sets as frames, maps and sound."""

import dataclasses
import pathlib

from dave_jax.datasets import folds
from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  Picture,
  SourceClip,
  by_frame,
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
DOWNLOAD = (
  'The data of the project page, by hand or with fetch_data.sh of '
  'https://github.com/atsiami/STAViS, whose folder data/ is the folder.'
)


@dataclasses.dataclass(frozen=True)
class StavisSource:
  """A folder with the release's video_frames/, video_audio/ and annotations.

  video_frames/SET/NAME/img_00001.jpg, video_audio/SET/NAME/NAME.wav,
  annotations/SET/NAME/maps/eyeMap_00001.jpg,
  annotations/SET/NAME/fixMap_00001.mat (`eyeMap`, viewers pooled) and
  fold_lists/. Assumptions: image, map and points of one number belong to one
  frame, the sound begins with frame 1, and the rate is that of the lists.

  Attributes:
    set_name: Name of the set in the release, such as 'Coutrot_db1'.
    name: Name of the set here.
    pixels_per_degree: Pixels per degree of visual angle; 0 uses the release's
      density maps only.
  """

  set_name: str
  name: str
  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    problems = missing_folders(root)
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
      unlisted = sorted({p.name for p in present.glob('*/')} - set(listed))
      if unlisted:
        problems.append(f'{present}: in no fold list: {listing(unlisted)}')
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    return read_gaze(clip, self.pixels_per_degree)


def missing_folders(root: pathlib.Path) -> list[str]:
  """Returns a message for each folder missing from a release."""
  return [
    f'{root}: missing {name}/'
    for name in _FOLDERS
    if not (root / name).is_dir()
  ]


def find_clip(
  root: pathlib.Path, set_name: str, name: str, listed: folds.ListedClip
) -> tuple[SourceClip | None, str]:
  """Returns a clip, or None if parts are missing, and the problem or ''.

  Frames, points and maps must each be numbered from 1 without a gap;
  `read_clip` reports if they end at different frames.
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
  found = len(numbered(frames, 'img_*.jp*g'))
  if abs(found - listed.frames) > 1:
    problem = (
      f'{set_name}/{name}: expected the {listed.frames} frames of the fold '
      f'list, got {found} in {frames}'
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
  """Reads the fixated pixels and lists the density maps of a clip."""
  return gaze_lib.gaze_of_maps(
    numbered(clip.gaze, 'fixMap_*.mat'),
    lambda path: gaze_lib.read_mat(path, 'eyeMap'),
    density=by_frame(numbered(clip.density, 'eyeMap_*.jp*g')),
    sigma=sigma,
  )


STAVIS = tuple(
  Config(
    name=name,
    description=f'{set_name} of the STAViS release, viewers pooled, folds 1 '
    'to 3 (DIEM has one).',
    source=StavisSource(set_name=set_name, name=name),
    citation=CITATION,
    licence=LICENCE,
    homepage=HOMEPAGE,
    download=DOWNLOAD,
  )
  for name, set_name in SETS.items()
)
