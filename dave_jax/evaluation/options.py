"""What to evaluate and how, with every default."""

import dataclasses
import math
import re

from ml_collections import ConfigDict, config_dict

from dave_jax.checks import check_choice
from dave_jax.scoring.settings import ScoreSettings

# {option: name in tables}.
BASELINES = {
  'human_infinite': 'Human Infinite',
  'mean_eye_position': 'Mean eye position',
  'centre': 'Centre',
  'chance': 'Chance',
  'seo': 'SEO',
}
# The sound that a network gets: the clip's own; that of another clip of the
# split, half a split further on among those with sound; none; or the clip's own
# from `sound_shift` seconds later.
SOUNDS = ('own', 'other', 'none', 'shifted')


@dataclasses.dataclass(frozen=True)
class Options:
  """What to evaluate, and how.

  The defaults here are the only ones, and these texts are the help of
  `dave_jax.evaluate`.

  Attributes:
    dataset: Data set built by `datasets.prepare`.
    split: A split, or several joined by +.
    out: Folder of the run.
    data_dir: Folder of data sets.
    checkpoint: Folder of a network or of a training run (default: the bundled
      small network).
    predictions: Folder of saliency maps of any model to score instead.
    baseline: Baseline to score instead.
    name: Name of the run in tables (default: what is scored).
    settings: How maps are scored.
    stride: Scores every n-th frame of each clip.
    size: Size that maps are scored at, 'original' or HEIGHTxWIDTH.
    sigma: Standard deviation of the Gaussian that blurs fixations, in pixels of
      the original (default: that of the data set).
    mean_eye_position: '[NAME:]SPLIT' whose mean eye position IG and its
      baseline use, or 'none'.
    mean_eye_position_stride: Uses every n-th of its frames.
    boxes: CSV file (clip, frame, x0, y0, x1, y1) of sound sources, or areas
      that a page saved, for NSS inside and outside.
    frames: Whether metrics.json lists the scores of every frame.
    keep_maps: Whether to keep the maps and a video of each clip, for the
      players of the report.
    partial: Whether to score the other frames if maps are missing.
    overwrite: Whether to replace another run in `out`.
    first_frame: Number of the first frame in `predictions`.
    repeats: Random splits of the viewers for human_infinite.
    centre_sigma: Standard deviation of the centre baseline, as a share of
      height and width.
    batch_size: Windows per batch of a network.
    alignment: Which sound belongs to a frame, see media/clock.py.
    sound: Sound that the network gets: the clip's own, another clip's, none, or
      its own shifted in time (default: what the network was trained with, by
      its own record).
    sound_shift: Seconds that shifted sound is taken from later in the clip, or
      from earlier if negative, to the nearest frame. Past an end of the clip it
      goes on at the other.
    dtype: Type of the network's computation.
    process_index: Index of this process, which scores every n-th video.
    process_count: Number of processes.
  """

  dataset: str
  split: str
  out: str
  data_dir: str = 'data'
  checkpoint: str | None = None
  predictions: str | None = None
  baseline: str | None = None
  name: str | None = None
  settings: ScoreSettings = dataclasses.field(default_factory=ScoreSettings)
  stride: int = 1
  size: str = 'original'
  sigma: float | None = None
  mean_eye_position: str = 'train'
  mean_eye_position_stride: int = 5
  boxes: str | None = None
  frames: bool = False
  keep_maps: bool = False
  partial: bool = False
  overwrite: bool = False
  first_frame: int = 1
  repeats: int = 5
  centre_sigma: float = 0.25
  batch_size: int = 4
  alignment: str = 'exact'
  sound: str | None = None
  sound_shift: float = 0.0
  dtype: str = 'float32'
  process_index: int = 0
  process_count: int = 1

  def __post_init__(self):
    if self.sound is not None:
      check_choice('sound', self.sound, SOUNDS)
      if self.baseline or self.predictions:
        raise ValueError(
          f'expected a network with sound {self.sound!r}, got other maps to '
          'score; leave out sound'
        )
    shifted = self.sound == 'shifted'
    if not math.isfinite(self.sound_shift) or shifted != bool(self.sound_shift):
      raise ValueError(
        "expected sound 'shifted' with a number of seconds in sound_shift, or "
        f'neither, got {self.sound!r} with {self.sound_shift}; set both, as in '
        '--sound=shifted --sound_shift=1.0'
      )


def parse_size(text: str) -> tuple[int, int] | None:
  """Returns (height, width) of 'HEIGHTxWIDTH'; None for 'original'."""
  if text == 'original':
    return None
  match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text)
  if not match:
    raise ValueError(
      f"expected size 'original' or HEIGHTxWIDTH such as 256x320, got {text!r}"
    )
  return int(match[1]), int(match[2])


# The options that configs hold; the others follow from the run that is scored.
_IN_CONFIGS = (
  'stride',
  'size',
  'mean_eye_position',
  'mean_eye_position_stride',
  'frames',
  'overwrite',
  'repeats',
  'batch_size',
  'sound_shift',
)


def options_section() -> ConfigDict:
  """Returns the section of a config that `options_from` takes, of defaults."""
  section = ConfigDict({name: getattr(Options, name) for name in _IN_CONFIGS})
  section.boxes = config_dict.placeholder(str)
  section.sound = config_dict.placeholder(str)
  section.scoring = ConfigDict(dataclasses.asdict(ScoreSettings()))
  return section


def options_from(section: ConfigDict, **fields) -> Options:
  """Returns the options of a section.

  Args:
    section: See `options_section`.
    **fields: The other fields of `Options`, and those to override.

  Raises:
    ValueError: A score setting is unknown.
  """
  values = section.to_dict()
  settings = ScoreSettings(**values.pop('scoring'))
  return Options(**values | {'settings': settings} | fields)
