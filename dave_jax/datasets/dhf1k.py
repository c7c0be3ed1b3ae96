"""DHF1K: 1000 videos that viewers watched without sound."""

import bisect
import dataclasses
import pathlib

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  VIDEOS,
  Picture,
  SourceClip,
  by_frame,
  files_by_stem,
  find_below,
  gaps,
  listing,
  numbered,
)
from dave_jax.media.image_file import read_complete_image

_SPLITS, _LAST_OF_SPLITS = ('train', 'val', 'test'), (600, 700, 1000)


@dataclasses.dataclass(frozen=True)
class Dhf1kSource:
  """A folder with video/ and annotation/.

  video/001.AVI or video/001/*.png; annotation/0001/maps/0001.png and
  annotation/0001/fixation/0001.png, viewers pooled. Videos 1 to 600 are train,
  601 to 700 val; the fixations of 701 to 1000 (test) are not public, and those
  videos may be absent. Viewers heard no sound, so none is stored.

  Attributes:
    rate: Frames per second of videos that are folders of images.
    pixels_per_degree: Pixels per degree of visual angle; 0 uses the published
      density maps only.
  """

  rate: float = 30.0
  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    videos = find_below(root, 'video')
    annotations = find_below(root, 'annotation')
    if videos is None or annotations is None:
      return [], [f'{root}: expected video/ and annotation/']
    files = files_by_stem(videos, VIDEOS)
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
      missing = []
      if split != 'test':
        missing = [
          *gaps(annotation / 'fixation', '*.png'),
          *gaps(annotation / 'maps', '*.png'),
        ]
      if missing:
        problems.append(f'{name}: {"; ".join(missing)}')
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
        0, f'{videos}: {len(absent)} videos are missing: {listing(absent)}'
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
    return gaze_lib.gaze_of_maps(
      numbered(clip.gaze, '*.png'),
      lambda path: read_complete_image(path, 'grey') > 127,
      density=by_frame(numbered(clip.density, '*.png')),
      sigma=self.pixels_per_degree,
    )


DHF1K = Config(
  name='default',
  description='1000 videos without sound, 17 viewers (pooled).',
  source=Dhf1kSource(),
  licence='CC BY 4.0',
  homepage='https://github.com/wenguanwang/DHF1K',
  download='The videos and the annotations of videos 1 to 700.',
  citation="""@article{wang2021revisiting,
  title={Revisiting video saliency prediction in the deep learning era},
  author={Wang, Wenguan and Shen, Jianbing and Xie, Jianwen and Cheng,
          Ming-Ming and Ling, Haibin and Borji, Ali},
  journal={IEEE TPAMI}, volume={43}, number={1}, year={2021}}""",
)
