"""SALICON: photographs with mouse movements in place of gaze."""

import dataclasses
import pathlib

import numpy as np

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_by_stem,
  find_below,
  listing,
)


@dataclasses.dataclass(frozen=True)
class SaliconSource:
  """A folder with images/, maps/ and fixations/, each with train/ and val/.

  images/train/NAME.jpg, maps/train/NAME.png, fixations/train/NAME.mat, whose
  `gaze` has the `fixations` of each viewer: x, y of pixels counted from 1. Maps
  and fixations may also lie directly in maps/ and fixations/. The test set's
  fixations are not public; images/test/ may be absent.

  Attributes:
    pixels_per_degree: Viewing distances are unknown; 0 uses the published maps.
  """

  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    images = find_below(root, 'images')
    if images is None:
      return [], [f'{root}: expected images/, maps/ and fixations/']
    base = images.parent
    clips, problems = [], []
    for split in ('train', 'val', 'test'):
      pictures = files_by_stem(images / split, IMAGES)
      if not pictures and split != 'test':
        problems.append(f'{images / split}: no images found')
      maps = _files(base / 'maps', split, IMAGES)
      points = _files(base / 'fixations', split, ['.mat'])
      incomplete = []
      for name, picture in pictures.items():
        if split != 'test' and (name not in maps or name not in points):
          incomplete.append(name)
          continue
        clips.append(
          SourceClip(
            name=name,
            source='salicon',
            gaze_kind='mouse',
            split=split,
            picture=picture,
            still=True,
            gaze=points.get(name),
            density=maps.get(name),
          )
        )
      if incomplete:
        problems.append(
          f'{images / split}: {len(incomplete)} images have no map or no '
          f'fixations: {listing(incomplete)}'
        )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    parts = []
    if clip.gaze is not None:
      viewers = np.atleast_1d(gaze_lib.read_mat(clip.gaze, 'gaze'))
      for number, viewer in enumerate(viewers):
        parts.append(_viewer_fixations(clip.gaze, number, viewer))
    return Gaze(
      fixations=gaze_lib.concatenate(parts),
      height=picture.height,
      width=picture.width,
      frames=1,
      viewers=len(parts),
      density=() if clip.density is None else (clip.density,),
      sigma=self.pixels_per_degree,
    )


def _files(folder, split, suffixes):
  return files_by_stem(folder, suffixes) | files_by_stem(
    folder / split, suffixes
  )


def _viewer_fixations(path, number, viewer):
  try:
    xy = np.asarray(viewer.fixations, np.float64).reshape(-1, 2)
  except (AttributeError, TypeError, ValueError) as error:
    raise ValueError(
      f'{path}: expected fixations [n, 2] of viewer {number} ({error})'
    ) from error
  # From pixel numbers, counted from 1, to pixel centres.
  return Fixations(
    xy=xy - 0.5,
    when=np.zeros(len(xy)),
    viewer=np.full(len(xy), number, np.int32),
  )


SALICON = Config(
  name='default',
  description='20,000 photographs of MS COCO, with mouse movements.',
  source=SaliconSource(),
  licence='CC BY 4.0 (SALICON); the photographs are under COCO terms.',
  homepage='http://salicon.net',
  download='Images, maps and fixations of train and val, from '
  'http://salicon.net/download/.',
  citation="""@inproceedings{jiang2015salicon,
  title={{SALICON}: Saliency in context},
  author={Jiang, Ming and Huang, Shengsheng and Duan, Juanyong and Zhao, Qi},
  booktitle={CVPR}, pages={1072--1080}, year={2015}}""",
)
