"""SALICON: photographs looked at with the mouse."""

import dataclasses
import pathlib

import numpy as np

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_of,
  listing,
  place_of,
)


@dataclasses.dataclass(frozen=True)
class SaliconSource:
  """A folder with images/, maps/ and fixations/, each of train/ and val/.

  images/train/NAME.jpg, maps/train/NAME.png, fixations/train/NAME.mat, whose
  `gaze` has the `fixations` of each viewer: x, y of pixels counted from 1; maps
  and fixations may also lie without train/ and val/. The test set's fixations
  are not public; images/test/ need not be there.

  Attributes:
    pixels_per_degree: There is no screen; 0, the published maps are taken.
  """

  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    images = place_of(root, 'images')
    if images is None:
      return [], [f'{root}: wanted images/, maps/ and fixations/']
    base = images.parent
    clips, problems = [], []
    for split in ('train', 'val', 'test'):
      pictures = files_of(images / split, IMAGES)
      if not pictures and split != 'test':
        problems.append(f'{images / split}: holds no images')
      maps = _held(base / 'maps', split, IMAGES)
      points = _held(base / 'fixations', split, ['.mat'])
      lacking = []
      for name, picture in pictures.items():
        if split != 'test' and (name not in maps or name not in points):
          lacking.append(name)
          continue
        clips.append(
          SourceClip(
            name=name,
            source='salicon',
            split=split,
            picture=picture,
            still=True,
            gaze=points.get(name),
            density=maps.get(name),
          )
        )
      if lacking:
        problems.append(
          f'{images / split}: {len(lacking)} images lack a map or fixations: '
          f'{listing(lacking)}'
        )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    parts = []
    if clip.gaze is not None:
      viewers = np.atleast_1d(gaze_lib.read_mat(clip.gaze, 'gaze'))
      for number, viewer in enumerate(viewers):
        parts.append(_of_viewer(clip.gaze, number, viewer))
    return Gaze(
      fixations=gaze_lib.joined(parts),
      height=picture.height,
      width=picture.width,
      frames=1,
      viewers=len(parts),
      density=() if clip.density is None else (clip.density,),
      sigma=self.pixels_per_degree,
    )


def _held(folder, split, suffixes):
  return files_of(folder, suffixes) | files_of(folder / split, suffixes)


def _of_viewer(path, number, viewer):
  try:
    xy = np.asarray(viewer.fixations, np.float64).reshape(-1, 2)
  except (AttributeError, TypeError, ValueError) as error:
    raise ValueError(
      f'{path}: gaze has no fixations [n, 2] of viewer {number} ({error})'
    ) from error
  # From numbers of pixels, the first 1, to their centres.
  return Fixations(
    xy=xy - 0.5,
    when=np.zeros(len(xy)),
    viewer=np.full(len(xy), number, np.int32),
  )


class Salicon(SaliencyBuilder):
  """SALICON: 10,000 photographs to train, 5,000 to validate."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='20,000 photographs of MS COCO, looked at with the mouse.',
      source=SaliconSource(),
      licence='CC BY 4.0 (SALICON); the photographs are under COCO terms.',
      homepage='http://salicon.net',
      citation="""@inproceedings{jiang2015salicon,
  title={{SALICON}: Saliency in context},
  author={Jiang, Ming and Huang, Shengsheng and Duan, Juanyong and Zhao, Qi},
  booktitle={CVPR}, pages={1072--1080}, year={2015}}""",
    ),
  )
