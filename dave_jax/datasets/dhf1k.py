"""DHF1K: 1000 videos that were looked at without sound."""

import bisect
import dataclasses
import pathlib

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  VIDEOS,
  Picture,
  SourceClip,
  files_of,
  gaps,
  listing,
  numbered,
  place_of,
)
from dave_jax.media.image_file import read_image

_SPLITS, _LAST_OF_SPLITS = ('train', 'val', 'test'), (600, 700, 1000)


@dataclasses.dataclass(frozen=True)
class Dhf1kSource:
  """A folder with video/ and annotation/.

  video/001.AVI or video/001/*.png; annotation/0001/maps/0001.png and
  annotation/0001/fixation/0001.png, all viewers together. Videos 1 to 600
  train, 601 to 700 validate; the fixations of 701 to 1000 are not public, and
  those videos need not be there. No sound was played, so none is stored.

  Attributes:
    rate: Frames per second of videos that lie there as images.
    pixels_per_degree: One degree of visual angle; 0 where the published maps
      are all that is known.
  """

  rate: float = 30.0
  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    videos, annotations = place_of(root, 'video'), place_of(root, 'annotation')
    if videos is None or annotations is None:
      return [], [f'{root}: wanted video/ and annotation/']
    files = files_of(videos, VIDEOS)
    clips, absent, problems = [], [], []
    for number in range(1, _LAST_OF_SPLITS[-1] + 1):
      name = f'{number:03d}'
      folder = videos / name
      picture = files.get(name, folder if folder.is_dir() else None)
      split = _SPLITS[bisect.bisect_left(_LAST_OF_SPLITS, number)]
      if picture is None:
        if split != 'test':
          absent.append(name)
        continue
      annotation = annotations / f'{number:04d}'
      lacking = []
      if split != 'test':
        lacking = [
          *gaps(annotation / 'fixation', '*.png'),
          *gaps(annotation / 'maps', '*.png'),
        ]
      if lacking:
        problems.append(f'{name}: {"; ".join(lacking)}')
        continue
      clips.append(
        SourceClip(
          name=name,
          source='dhf1k',
          split=split,
          picture=picture,
          silent=True,
          rate=self.rate if picture.is_dir() else None,
          gaze=None if split == 'test' else annotation / 'fixation',
          density=None if split == 'test' else annotation / 'maps',
        )
      )
    if absent:
      problems.insert(
        0, f'{videos}: lacks {len(absent)} videos: {listing(absent)}'
      )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    if clip.gaze is None:
      return Gaze(
        gaze_lib.no_fixations(),
        height=picture.height,
        width=picture.width,
        frames=None,
      )
    points = sorted(numbered(clip.gaze, '*.png').items())
    maps = numbered(clip.density, '*.png')
    parts, shapes = [], set()
    for number, path in points:
      fixated = read_image(path, 'grey')
      if fixated is None:
        raise ValueError(f'{path}: is no image; download it again')
      shapes.add(fixated.shape)
      parts.append(gaze_lib.of_map(fixated > 127, number - 1))
    if len(shapes) != 1:
      raise ValueError(f'{clip.gaze}: images of several sizes, {shapes}')
    [(height, width)] = shapes
    return Gaze(
      fixations=gaze_lib.joined(parts),
      height=height,
      width=width,
      frames=len(points),
      density=tuple(maps.get(number) for number in range(1, max(maps) + 1)),
      sigma=self.pixels_per_degree,
    )


class Dhf1k(SaliencyBuilder):
  """DHF1K: 600 videos to train, 100 to validate, 300 to test."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='1000 videos, 17 viewers (together), without sound.',
      source=Dhf1kSource(),
      licence='CC BY 4.0',
      homepage='https://github.com/wenguanwang/DHF1K',
      citation="""@article{wang2021revisiting,
  title={Revisiting video saliency prediction in the deep learning era},
  author={Wang, Wenguan and Shen, Jianbing and Xie, Jianwen and Cheng,
          Ming-Ming and Ling, Haibin and Borji, Ali},
  journal={IEEE TPAMI}, volume={43}, number={1}, year={2021}}""",
    ),
  )
