"""MVVA: 300 videos of talking faces with sound, 34 viewers."""

import dataclasses
import pathlib
import re

import numpy as np

from dave_jax.datasets import folds
from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  Picture,
  SourceClip,
  find_below,
  listing,
  numbered,
)

_HEIGHT, _WIDTH = 720, 1280  # Pixels that gaze is in.


@dataclasses.dataclass(frozen=True)
class MvvaSource:
  """A folder with raw_videos/, raw_audios/ and all_videos_all_frames_fixation/.

  raw_videos/N.mp4, raw_audios/N.wav and all_videos_all_frames_fixation/N.npy,
  an array [frames, 2 (x, y), viewers] in pixels of 1280 x 720. Folds 1 to 3 are
  in MVVA_list_train_1_fps.txt, MVVA_list_test_1_fps.txt and so on, in the
  folder or in fold_lists/, with lines such as `video_169 451 25.0`; splits are
  named as those of the STAViS release.

  Attributes:
    sigma: Standard deviation in pixels of the Gaussian that fixations are
      blurred with; not stated in the release, so that of LEDOV, by the same
      laboratory.
  """

  sigma: float = 34.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    lists = find_below(root, 'MVVA_list_train_1_fps.txt')
    videos, sounds, gaze = (
      numbered(root / folder, pattern)
      for folder, pattern in (
        ('raw_videos', '*.mp4'),
        ('raw_audios', '*.wav'),
        ('all_videos_all_frames_fixation', '*.npy'),
      )
    )
    if lists is None:
      return [], [f'{root}: expected MVVA_list_train_1_fps.txt and others']
    clips, missing = [], []
    listed = folds.stavis(lists.parent, 'MVVA')
    number_of_folds = len(
      frozenset().union(*(c.train | c.test for c in listed.values()))
    )
    for name, clip in sorted(listed.items()):
      digits = re.findall(r'\d+', name)
      number = int(digits[-1]) if digits else -1
      if any(number not in files for files in (videos, sounds, gaze)):
        missing.append(name)
        continue
      clips.append(
        SourceClip(
          name=name,
          source='mvva',
          split=folds.stavis_split(clip, number_of_folds),
          picture=videos[number],
          sound=sounds[number],
          gaze=gaze[number],
        )
      )
    problems = []
    if missing:
      problems.append(
        f'{root}: the video, sound or gaze of {len(missing)} clips is missing: '
        f'{listing(missing)}'
      )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    try:
      positions = np.load(clip.gaze, allow_pickle=False)
    except (ValueError, EOFError) as error:
      raise ValueError(
        f'{clip.gaze}: expected an array of numbers ({error}); download it '
        'again'
      ) from error
    if positions.ndim != 3 or positions.shape[1] != 2:
      raise ValueError(
        f'{clip.gaze}: expected positions [frames, 2, viewers], got shape '
        f'{positions.shape}; download it again'
      )
    fixations, counts = gaze_lib.fixations_of_positions(
      positions.transpose(1, 0, 2)
    )
    return Gaze(
      fixations=fixations,
      height=_HEIGHT,
      width=_WIDTH,
      frames=len(positions),
      viewers=positions.shape[2],
      sigma=self.sigma,
      counts=counts,
    )


MVVA = Config(
  name='default',
  description='300 videos of talking faces with sound, 34 viewers, eye '
  'tracking, folds 1 to 3.',
  source=MvvaSource(),
  licence='On request from the authors.',
  homepage='https://github.com/MinglangQiao/MVVA-Database',
  download='The database and the sound; the authors give access to both.',
  citation="""@inproceedings{liu2020learning,
  title={Learning to predict salient faces: A novel visual-audio saliency
         model},
  author={Liu, Yufan and Qiao, Minglang and Xu, Mai and Li, Bing and
          Hu, Weiming and Borji, Ali},
  booktitle={ECCV}, year={2020}}""",
)
