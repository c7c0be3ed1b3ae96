"""EyeCrowd: photographs of people and crowds."""

import dataclasses
import pathlib

import numpy as np
import scipy.io

from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.images import TableOfFixations
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_in,
  find_below,
  listing,
  seeded_splits,
)

_NAME = 'eyecrowd'
_WIDTH = 1024  # Pixels of the originals.


@dataclasses.dataclass(frozen=True)
class EyeCrowdSource:
  """The release, or photographs of another size with fixations.npz.

  The release has data/stimuli/NNN.jpg and data/eye/fixations.mat, whose
  `fixations(i)` has `img` and `subjects(j)` with `fix_x` and `fix_y` in pixels
  of 1024x768. fixations.npz is laid out as for OSIE. There are no official
  splits: 80, 10 and 10 percent are drawn at random.

  Attributes:
    pixels_per_degree: Pixels of the originals per degree of visual angle.
    width: Width of the photographs in pixels: 1024, or that to which they and
      the fixations in fixations.npz were resized.
    seed: Seed of the splits.
  """

  pixels_per_degree: float = 30.4
  width: int = _WIDTH
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    mat = _mat_file(root)
    if mat is None:
      return self._table().find(root)
    stimuli = find_below(root, 'stimuli')
    if stimuli is None:
      return [], [f'{root}: expected data/stimuli/ beside {mat}']
    images = {path.name: path for path in files_in(stimuli, IMAGES)}
    named = sorted(_read_mat(mat))
    missing = [name for name in named if name not in images]
    problems = []
    if missing:
      problems.append(
        f'{stimuli}: {len(missing)} images are missing: {listing(missing)}'
      )
    splits = seeded_splits([pathlib.Path(n).stem for n in named], self.seed)
    return [
      SourceClip(
        name=images[name].stem,
        source=_NAME,
        split=splits[images[name].stem],
        picture=images[name],
        still=True,
        gaze=mat,
      )
      for name in named
      if name in images
    ], problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    if clip.gaze.suffix != '.mat':
      return self._table().gaze(clip, picture)
    viewers = _read_mat(clip.gaze)[clip.picture.name]
    rows = [
      (x, y, number)
      for number, points in enumerate(viewers)
      for x, y in points
      if np.isfinite([x, y]).all()
    ]
    total = sum(len(points) for points in viewers)
    table = np.array(rows, np.float64).reshape(-1, 3)
    # The file counts pixels of the original, whatever size the image has.
    scale = picture.width / _WIDTH
    return Gaze(
      fixations=Fixations(
        xy=table[:, :2] * scale,
        when=np.zeros(len(table)),
        viewer=table[:, 2].astype(np.int32),
      ),
      height=picture.height,
      width=picture.width,
      frames=1,
      viewers=sum(len(points) > 0 for points in viewers),
      sigma=self.pixels_per_degree * scale,
      counts={'missing': total - len(table)},
    )

  def _table(self):
    return TableOfFixations(
      name=_NAME,
      pixels_per_degree=self.pixels_per_degree * self.width / _WIDTH,
      seed=self.seed,
    )


def _mat_file(root):
  for folder in ('eye', 'data/eye'):
    path = root / folder / 'fixations.mat'
    if path.is_file():
      return path
  return None


def _read_mat(path) -> dict[str, list[np.ndarray]]:
  """Returns {file name: [fixations, 2] of each viewer}."""
  try:
    content = scipy.io.loadmat(path, simplify_cells=True)
    entries = np.atleast_1d(content['fixations'])
    return {
      str(entry['img']): [
        np.stack(
          [
            np.atleast_1d(viewer['fix_x']).astype(float),
            np.atleast_1d(viewer['fix_y']).astype(float),
          ],
          axis=1,
        )
        for viewer in np.atleast_1d(entry['subjects'])
      ]
      for entry in entries
    }
  except (ValueError, KeyError, TypeError, IndexError) as error:
    raise ValueError(
      f'{path}: expected a struct array fixations with img and '
      f'subjects(j).fix_x and fix_y, got {error!r}; download it again'
    ) from error


class Eyecrowd(SaliencyBuilder):
  """EyeCrowd: 500 photographs of people, 16 viewers."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='500 photographs of people and crowds of 1024 x 768, 16 '
      'viewers, 5 s each.',
      source=EyeCrowdSource(),
      licence='MIT',
      homepage='https://www-users.cse.umn.edu/~qzhao/crowd.html',
      download='data/stimuli/ and data/eye/fixations.mat; or resized '
      'photographs in stimuli/ with fixations.npz and --set width=PIXELS.',
      citation="""@inproceedings{jiang2014saliency,
  title={Saliency in crowd},
  author={Jiang, Ming and Xu, Juan and Zhao, Qi},
  booktitle={ECCV}, pages={17--32}, year={2014}}""",
    ),
  )
