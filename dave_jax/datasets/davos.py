"""DAVoS (AVE): DIEM, Coutrot 1 and Coutrot 2 with the splits of the paper."""

import dataclasses
import functools
import pathlib
import re

import numpy as np

from dave_jax.checks import check_choice
from dave_jax.datasets import folds, stavis
from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  VIDEOS,
  Picture,
  SourceClip,
  files_by_stem,
  files_in,
  find_below,
)

# {database: (gaze file, variable, condition with the original sound, prefix of
# the folder of videos)}. In the other conditions, viewers heard other sounds.
_COUTROT = {
  1: ('coutrot_database1.mat', 'Coutrot_Database1', 'OriginalSounds', 'ERB3'),
  2: ('coutrot_database2.mat', 'Coutrot_Database2', 'AudioVisual', 'ERB4'),
}
_DIEM_RATE = 30.0


@dataclasses.dataclass(frozen=True)
class Downloads:
  """The original downloads of DIEM and Coutrot, which identify viewers.

  DIEM: a folder per video, in the root or one folder below, with
  video/NAME.mp4, audio/NAME.wav and event_data/*.txt. Coutrot:
  coutrot_database1.mat with ERB3_Stimuli/clip_N.avi, coutrot_database2.mat with
  ERB4_Stimuli/clip_N.avi, in the root or one folder below. Assumptions: DIEM's
  WAV begins with the first frame, and each row of gaze belongs to one frame
  unless the video has another rate. Coutrot's positions have no event labels,
  so they include saccades.

  Attributes:
    eye: Which of DIEM's two recorded eyes: 'left', 'right', or 'mean' of both
      where both fixate.
    screen: Height and width of DIEM's screen, which videos were centred on.
    diem_pixels_per_degree: From a 21-inch screen of 1280 pixels at 90 cm.
    coutrot_pixels_per_degree: Published for database 2, used for both.
  """

  eye: str = 'left'
  screen: tuple[int, int] = (960, 1280)
  diem_pixels_per_degree: float = 50.0
  coutrot_pixels_per_degree: float = 26.0

  def __post_init__(self):
    check_choice('eye', self.eye, ('left', 'right', 'mean'))

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    clips, problems = [], []
    for listed in folds.davos():
      if listed.coutrot is None:
        clip, problem = _find_diem(root, listed)
      else:
        clip, problem = _find_coutrot(root, listed)
      if clip is not None:
        clips.append(clip)
      if problem:
        problems.append(f'{listed.name} ({listed.split}): {problem}')
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    if clip.source == 'diem':
      return self._diem(clip, picture)
    return self._coutrot(clip, picture)

  def _diem(self, clip, picture):
    width, height = map(int, re.search(r'_(\d+)x(\d+)$', clip.name).groups())
    paths = files_in(clip.gaze, ['.txt'])
    fixations, frames, counts = gaze_lib.read_diem(
      paths, height=height, width=width, screen=self.screen, eye=self.eye
    )
    fixations, notes = gaze_lib.match_rates(fixations, _DIEM_RATE, picture.rate)
    return Gaze(
      fixations=fixations,
      height=height,
      width=width,
      frames=None if fixations.timed else frames,
      viewers=len(paths),
      sigma=self.diem_pixels_per_degree,
      counts=counts,
      notes=notes,
    )

  def _coutrot(self, clip, picture):
    database = int(clip.source[-1])
    number = int(clip.name.rpartition('_')[2])
    recording = getattr(
      _conditions(clip.gaze, database), f'clip_{number}', None
    )
    if recording is None:
      raise ValueError(f'{clip.gaze}: expected clip_{number}, which is missing')
    try:
      positions = np.asarray(recording.data, np.float64)
      rate = float(recording.info.fps)
      height, width = (
        int(recording.info.vidheight),
        int(recording.info.vidwidth),
      )
    except (AttributeError, TypeError, ValueError) as error:
      raise ValueError(
        f'{clip.gaze}: expected clip_{number} with data and info ({error})'
      ) from error
    if positions.ndim == 2:  # One viewer: MATLAB drops the dimension.
      positions = positions[..., None]
    if positions.ndim != 3 or positions.shape[0] != 2:
      raise ValueError(
        f'{clip.gaze}: expected clip_{number} with positions [2, frames, '
        f'viewers], got {positions.shape}'
      )
    fixations, counts = gaze_lib.fixations_of_positions(positions)
    fixations, notes = gaze_lib.match_rates(fixations, rate, picture.rate)
    return Gaze(
      fixations=fixations,
      height=height,
      width=width,
      frames=None if fixations.timed else positions.shape[1],
      viewers=positions.shape[2],
      sigma=self.coutrot_pixels_per_degree,
      counts=counts,
      notes=notes,
    )


@functools.lru_cache(maxsize=2)
def _conditions(path, database):
  _, variable, condition, _ = _COUTROT[database]
  return gaze_lib.read_mat(path, variable, condition)


def _find_diem(root, listed):
  """Returns (clip or None, problem or '')."""
  folder = find_below(root, listed.name)
  if folder is None:
    return None, f'no folder {listed.name}/'
  videos = files_by_stem(folder / 'video', VIDEOS)
  sound = folder / 'audio' / f'{listed.name}.wav'
  missing = []
  if listed.name not in videos:
    missing.append(f'video/{listed.name}.mp4')
  if not files_in(folder / 'event_data', ['.txt']):
    missing.append('event_data/*.txt')
  if not sound.exists():
    missing.append(f'audio/{sound.name}')
  if missing:
    return None, f'{folder}: missing {", ".join(missing)}'
  return SourceClip(
    name=listed.name,
    source='diem',
    split=listed.split,
    category=listed.category,
    picture=videos[listed.name],
    sound=sound,
    gaze=folder / 'event_data',
  ), ''


def _find_coutrot(root, listed):
  database, number = listed.coutrot
  matlab, _, _, prefix = _COUTROT[database]
  gaze = find_below(root, matlab)
  if gaze is None:
    return None, f'no {matlab}'
  stimuli = find_below(root, f'{prefix}_Stimuli')
  videos = files_by_stem(stimuli, VIDEOS) if stimuli else {}
  if f'clip_{number}' not in videos:
    return None, f'no {prefix}_Stimuli/clip_{number}.avi'
  return SourceClip(
    name=listed.name,
    source=f'coutrot{database}',
    split=listed.split,
    category=listed.category,
    picture=videos[f'clip_{number}'],
    gaze=gaze,
  ), ''


@dataclasses.dataclass(frozen=True)
class StavisRelease:
  """The STAViS release (see `stavis`), which has all 151 clips of DAVoS.

  clip_N is clipN of its Coutrot_db1, clip_e_N is clipN of its Coutrot_db2.
  Fixations have no viewers.

  Attributes:
    pixels_per_degree: As in `stavis.StavisSource`.
  """

  pixels_per_degree: float = 0.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    problems = stavis.missing_folders(root)
    if problems:
      return [], problems
    listed = {
      name: folds.stavis(root / 'fold_lists', name)
      for name in ('DIEM', 'Coutrot_db1', 'Coutrot_db2')
    }
    clips = []
    for clip in folds.davos():
      set_name, name = stavis_name(clip)
      if name not in listed[set_name]:
        problems.append(f'{clip.name}: {set_name}/{name} is in no fold list')
        continue
      found, problem = stavis.find_clip(
        root, set_name, name, listed[set_name][name]
      )
      if problem:
        problems.append(f'{clip.name} ({clip.split}): {problem}')
      if found is None:
        continue
      database = clip.coutrot and clip.coutrot[0]
      clips.append(
        dataclasses.replace(
          found,
          name=clip.name,
          source=f'coutrot{database}' if database else 'diem',
          split=clip.split,
          category=clip.category,
        )
      )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    return stavis.read_gaze(clip, self.pixels_per_degree)


def stavis_name(clip: folds.DavosClip) -> tuple[str, str]:
  """Returns (set, name) of a DAVoS clip in the STAViS release."""
  if clip.coutrot is None:
    return 'DIEM', clip.name
  database, number = clip.coutrot
  return f'Coutrot_db{database}', f'clip{number}'


_DIEM_CITATION = """@article{mital2011clustering,
  title={Clustering of gaze during dynamic scene viewing is predicted by
         motion},
  author={Mital, Parag K and Smith, Tim J and Hill, Robin L and Henderson,
          John M},
  journal={Cognitive Computation}, volume={3}, number={1}, year={2011}}"""
_COUTROT_CITATION = """@article{coutrot2014saliency,
  title={How saliency, faces, and sound influence gaze in dynamic social
         scenes},
  author={Coutrot, Antoine and Guyader, Nathalie},
  journal={Journal of Vision}, volume={14}, number={8}, year={2014}}
@inproceedings{coutrot2015efficient,
  title={An efficient audiovisual saliency model to predict eye positions when
         looking at conversations},
  author={Coutrot, Antoine and Guyader, Nathalie},
  booktitle={EUSIPCO}, year={2015}}"""
_DAVE_CITATION = """@article{tavakoli2019dave,
  title={{DAVE}: A deep audio-visual embedding for dynamic saliency
         prediction},
  author={Tavakoli, Hamed R and Borji, Ali and Rahtu, Esa and Kannala, Juho},
  journal={arXiv:1905.10693}, year={2019}}"""


DAVOS = (
  Config(
    name='raw',
    description='From the downloads of DIEM and Coutrot, with viewers.',
    source=Downloads(),
    citation='\n'.join([_DAVE_CITATION, _DIEM_CITATION, _COUTROT_CITATION]),
    licence='DIEM: CC BY-NC-SA 3.0. Coutrot: for research.',
    homepage='https://thediemproject.wordpress.com',
    download='The folder of each of the 76 DIEM videos, from '
    'https://thediemproject.wordpress.com/videos-and%c2%a0data/; gaze and '
    'videos (ERB3_Stimuli, ERB4_Stimuli) of databases 1 and 2, from '
    'http://antoinecoutrot.magix.net/public/databases.html.',
  ),
  Config(
    name='stavis',
    description='From the STAViS release, without viewers.',
    source=StavisRelease(),
    citation='\n'.join([_DAVE_CITATION, stavis.CITATION]),
    licence=stavis.LICENCE,
    homepage=stavis.HOMEPAGE,
    download=stavis.DOWNLOAD,
  ),
)
