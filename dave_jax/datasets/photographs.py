"""Photographs with tables of fixations: OSIE, Scene500 and EyeCrowd."""

import dataclasses
import functools
import itertools
import pathlib
import zipfile
from collections.abc import Iterable

import numpy as np
import scipy.io

from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_in,
  find_below,
  listing,
  seeded_splits,
)

_EYECROWD_WIDTH = 1024  # Pixels of the originals.


@dataclasses.dataclass(frozen=True)
class TableOfFixations:
  """A folder with stimuli/ and fixations.npz: OSIE and Scene500.

  The array `table` has a row per fixation: number of the image, viewer, x, y in
  pixels of the image, duration; `image` has the file names. Neither set has
  official splits: 80, 10 and 10 percent are drawn at random.

  Attributes:
    name: Name of the set.
    pixels_per_degree: Pixels per degree of visual angle; None if images of any
      size filled the height of the screen.
    degrees_high: The height of that screen in degrees.
    seed: Seed of the splits.
  """

  name: str
  pixels_per_degree: float | None
  degrees_high: float | None = None
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    stimuli = find_below(root, 'stimuli')
    table = find_below(root, 'fixations.npz')
    if stimuli is None or table is None:
      return [], [f'{root}: expected stimuli/ and fixations.npz']
    return _clips_of_table(stimuli, table, _table(table), self.name, self.seed)

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    sigma = self.pixels_per_degree
    if sigma is None:
      sigma = picture.height / self.degrees_high
    return _gaze_of_rows(_table(clip.gaze)[clip.picture.name], picture, sigma)


def _clips_of_table(stimuli, table, named: Iterable[str], source, seed):
  """Returns the images that a table of fixations names, and problems."""
  named = list(named)
  images = {path.name: path for path in files_in(stimuli, IMAGES)}
  missing = [name for name in named if name not in images]
  unnamed = [name for name in images if name not in set(named)]
  problems = []
  if missing:
    problems.append(
      f'{stimuli}: {len(missing)} images are missing: {listing(missing)}'
    )
  if unnamed:
    problems.append(
      f'{table}: {len(unnamed)} images of {stimuli} have no fixations: '
      f'{listing(unnamed)}'
    )
  splits = seeded_splits([pathlib.Path(name).stem for name in named], seed)
  return [
    SourceClip(
      name=images[name].stem,
      source=source,
      split=splits[images[name].stem],
      picture=images[name],
      still=True,
      gaze=table,
    )
    for name in named
    if name in images
  ], problems


def _gaze_of_rows(rows, picture, sigma, scale=1.0):
  """Returns the gaze of rows [n, 3]: viewer, and x and y times `scale`."""
  known = np.isfinite(rows[:, 1:]).all(axis=1)
  kept = rows[known]
  return Gaze(
    fixations=Fixations(
      xy=kept[:, 1:].astype(np.float64) * scale,
      when=np.zeros(len(kept)),
      viewer=kept[:, 0].astype(np.int32),
    ),
    height=picture.height,
    width=picture.width,
    frames=1,
    viewers=np.unique(kept[:, 0]).size,
    sigma=sigma,
    counts={'missing': int((~known).sum())},
  )


@functools.lru_cache(maxsize=1)
def _table(path) -> dict[str, np.ndarray]:
  """Returns {file name: rows [n, 3] of viewer, x, y}."""
  try:
    with np.load(path, allow_pickle=False) as content:
      names, table = content['image'], content['table']
  except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
    raise ValueError(
      f"{path}: expected an NPZ with the arrays 'table' and 'image' ({error}); "
      'download it again'
    ) from error
  if table.ndim != 2 or table.shape[1] < 4:
    raise ValueError(
      f'{path}: expected a table [rows, 5] of image, viewer, x, y, duration, '
      f'got shape {table.shape}'
    )
  table = table[np.argsort(table[:, 0], kind='stable')]
  edges = np.searchsorted(table[:, 0], np.arange(len(names) + 1))
  return {
    name: table[begin:end, 1:4]
    for name, (begin, end) in zip(
      names.tolist(), itertools.pairwise(edges), strict=True
    )
  }


@dataclasses.dataclass(frozen=True)
class EyeCrowdSource:
  """The release, or photographs of another size with fixations.npz.

  The release has data/stimuli/NNN.jpg and data/eye/fixations.mat, whose
  `fixations(i)` has `img` and `subjects(j)` with `fix_x` and `fix_y` in pixels
  of 1024x768. fixations.npz is laid out as for OSIE. There are no official
  splits: 80, 10 and 10 percent are drawn at random.

  Attributes:
    pixels_per_degree: Pixels of the originals, 1024 wide, per degree of visual
      angle; those of a resized photograph are in proportion.
    seed: Seed of the splits.
  """

  pixels_per_degree: float = 30.4
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    mat = _mat_file(root)
    if mat is None:
      return self._table(_EYECROWD_WIDTH).find(root)
    stimuli = find_below(root, 'stimuli')
    if stimuli is None:
      return [], [f'{root}: expected data/stimuli/ beside {mat}']
    return _clips_of_table(
      stimuli, mat, sorted(_read_mat(mat)), 'eyecrowd', self.seed
    )

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    if clip.gaze.suffix != '.mat':
      return self._table(picture.width).gaze(clip, picture)
    # The file counts pixels of the original, whatever size the image has.
    scale = picture.width / _EYECROWD_WIDTH
    rows = _read_mat(clip.gaze)[clip.picture.name]
    return _gaze_of_rows(rows, picture, self.pixels_per_degree * scale, scale)

  def _table(self, width):
    return TableOfFixations(
      name='eyecrowd',
      pixels_per_degree=self.pixels_per_degree * width / _EYECROWD_WIDTH,
      seed=self.seed,
    )


def _mat_file(root):
  for folder in ('eye', 'data/eye'):
    path = root / folder / 'fixations.mat'
    if path.is_file():
      return path
  return None


@functools.lru_cache(maxsize=1)
def _read_mat(path) -> dict[str, np.ndarray]:
  """Returns {file name: rows [n, 3] of viewer, x, y}."""
  try:
    content = scipy.io.loadmat(path, simplify_cells=True)
    return {
      str(entry['img']): _rows(np.atleast_1d(entry['subjects']))
      for entry in np.atleast_1d(content['fixations'])
    }
  except (ValueError, KeyError, TypeError, IndexError) as error:
    raise ValueError(
      f'{path}: expected a struct array fixations with img and '
      f'subjects(j).fix_x and fix_y, got {error!r}; download it again'
    ) from error


def _rows(viewers):
  rows = []
  for number, viewer in enumerate(viewers):
    x, y = (np.atleast_1d(viewer[key]) for key in ('fix_x', 'fix_y'))
    rows.append(np.stack([np.full(len(x), number), x, y], axis=1))
  return np.concatenate(rows).astype(np.float64)


OSIE = Config(
  name='default',
  description='700 photographs of 800 x 600, 15 viewers, 3 s each.',
  # 800 pixels span 33.7 degrees.
  source=TableOfFixations(name='osie', pixels_per_degree=24.0),
  licence='MIT',
  homepage='https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels',
  download='data/stimuli/ of the repository, and its '
  'data/eye/fixations.mat converted to fixations.npz.',
  citation="""@article{xu2014predicting,
  title={Predicting human gaze beyond pixels},
  author={Xu, Juan and Jiang, Ming and Wang, Shuo and Kankanhalli, Mohan S
          and Zhao, Qi},
  journal={Journal of Vision}, volume={14}, number={1}, year={2014}}""",
)


SCENE500 = Config(
  name='default',
  description='500 photographs of many sizes, up to 12 viewers.',
  # Fixations lie on a grid of 1/3600 of 256-pixel images, which suggests a
  # screen 900 pixels high sampled at quarter pixels. Its size in degrees is
  # not published.
  source=TableOfFixations(
    name='scene500', pixels_per_degree=None, degrees_high=25.0
  ),
  licence='MIT, copyright 2015 Haoran Liang',
  download='The images and the fixations, converted to fixations.npz.',
)


EYECROWD = Config(
  name='default',
  description='500 photographs of people and crowds of 1024 x 768, 16 '
  'viewers, 5 s each.',
  source=EyeCrowdSource(),
  licence='MIT',
  homepage='https://www-users.cse.umn.edu/~qzhao/crowd.html',
  download='data/stimuli/ and data/eye/fixations.mat; or resized '
  'photographs in stimuli/ with fixations.npz.',
  citation="""@inproceedings{jiang2014saliency,
  title={Saliency in crowd},
  author={Jiang, Ming and Xu, Juan and Zhao, Qi},
  booktitle={ECCV}, pages={17--32}, year={2014}}""",
)
