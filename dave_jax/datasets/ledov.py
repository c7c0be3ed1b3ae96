"""LEDOV: 538 videos with the fixations of 32 viewers."""

import dataclasses
import pathlib

import numpy as np

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import Picture, SourceClip, find_below, listing

# The lists of namelist.mat, spelt as there.
_LISTS = {'train': 'trainlist', 'val': 'vaildlist', 'test': 'testlist'}
_FIELDS = ('VideoFrames', 'VideoFrameRate', 'VideoSize', 'fixdata')


@dataclasses.dataclass(frozen=True)
class LedovSource:
  """A folder with namelist.mat and a folder for every video.

  namelist.mat has the names under trainlist, vaildlist (spelt so) and testlist.
  NAME/NAME.mp4 is the video and NAME/Data.mat its gaze: a structure `Data` with
  VideoFrames, VideoFrameRate, VideoSize (width, height) and `fixdata`, rows of
  viewer, start and duration in milliseconds, x and y. Data.mat may also lie
  beside the folders, with a structure for each NAME in `Data`. A viewer's
  fixations count from the first that leaves the centre by a twentieth of the
  height both ways, as in the authors' code. The release does not say whether
  viewers heard sound; none is stored.

  Attributes:
    sigma: Standard deviation in pixels of the Gaussian that fixations are
      blurred with; 34 has the authors' full width at half maximum of 80.
  """

  sigma: float = 34.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    names = find_below(root, 'namelist.mat')
    if names is None:
      return [], [f'{root}: expected namelist.mat and a folder for every video']
    root = names.parent
    clips, missing = [], []
    for split, variable in _LISTS.items():
      listed = np.atleast_1d(gaze_lib.read_mat(names, variable)).ravel()
      for name in (pathlib.Path(str(entry).strip()).stem for entry in listed):
        video = root / name / f'{name}.mp4'
        data = (root / name / 'Data.mat', root / 'Data.mat')
        data = next((path for path in data if path.is_file()), None)
        if not video.is_file() or data is None:
          missing.append(name)
          continue
        clips.append(
          SourceClip(
            name=name,
            source='ledov',
            split=split,
            picture=video,
            silent=True,
            gaze=data,
          )
        )
    problems = []
    if missing:
      problems.append(
        f'{root}: NAME.mp4 or Data.mat of {len(missing)} videos is missing: '
        f'{listing(missing)}'
      )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    alone = clip.gaze.parent == clip.picture.parent
    data = gaze_lib.read_mat(clip.gaze, 'Data', *([] if alone else [clip.name]))
    try:
      frames, rate, size, rows = (getattr(data, name) for name in _FIELDS)
      frames, rate = int(frames), float(rate)
      width, height = (int(side) for side in size)
      rows = np.asarray(rows, np.float64).reshape(-1, 5)
    except (AttributeError, TypeError, ValueError) as error:
      raise ValueError(
        f'{clip.gaze}: expected Data with {", ".join(_FIELDS)} of {clip.name} '
        f'({error}); download it again'
      ) from error
    fixations, dropped = fixations_of_rows(
      rows, frames=frames, rate=rate, height=height, width=width
    )
    fixations, notes = gaze_lib.match_rates(fixations, rate, picture.rate)
    return Gaze(
      fixations=fixations,
      height=height,
      width=width,
      frames=frames,
      viewers=np.unique(rows[:, 0]).size,
      sigma=self.sigma,
      counts={'central_start': dropped},
      notes=notes,
    )


def fixations_of_rows(
  rows: np.ndarray, *, frames: int, rate: float, height: int, width: int
) -> tuple[Fixations, int]:
  """Returns the fixations on each frame, as in the authors' code.

  Args:
    rows: [n, 5], viewer, start and duration in milliseconds, x and y.
    frames: Number of frames.
    rate: Frames per second.
    height, width: Pixels.

  Returns:
    (fixations by frame, number of rows before a viewer first left the centre).
  """
  viewer, start, duration, x, y = rows.T
  margin = np.floor(height / 20 + 0.5)  # MATLAB rounds halves up.
  away = (np.abs(x - width / 2) > margin) & (np.abs(y - height / 2) > margin)
  away &= (x > 0) & (x < width) & (y > 0) & (y < height)
  begun = np.zeros(len(rows), bool)
  for number in np.unique(viewer):
    own = viewer == number
    begun[own] = np.logical_or.accumulate(away[own])
  first = np.maximum(np.ceil(start * rate / 1000), 1).astype(np.int64)
  last = np.ceil((start + duration) * rate / 1000).astype(np.int64)
  counts = np.maximum(np.minimum(last, frames) - first + 1, 0) * begun
  row = np.repeat(np.arange(len(rows)), counts)
  place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
  fixations = Fixations(
    xy=rows[row, 3:5],
    when=(first[row] - 1 + place).astype(np.float64),
    viewer=viewer[row].astype(np.int32),
  )
  return fixations, int((~begun).sum())


LEDOV = Config(
  name='default',
  description='538 videos without sound, 32 viewers, eye tracking.',
  source=LedovSource(),
  licence='"You are welcome to freely use this database" (homepage).',
  homepage='https://github.com/remega/LEDOV-eye-tracking-database',
  size='179,336 frames, 6,431 seconds',
  download='The archive of the videos, and namelist.mat of the page.',
  citation="""@inproceedings{jiang2018deepvs,
  title={{DeepVS}: A deep learning based video saliency prediction approach},
  author={Jiang, Lai and Xu, Mai and Liu, Tie and Qiao, Minglang and
          Wang, Zulin},
  booktitle={ECCV}, year={2018}}""",
)
