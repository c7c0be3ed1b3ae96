"""The settings that scores depend on, with their defaults."""

import dataclasses
from typing import Literal, get_args

from dave_jax.scoring.frames import Protocol, check_protocol
from dave_jax.scoring.negatives import ExcludeSame, NegativesFrom

# Named as in `metrics.json`, in the order of tables.
SCORES = (
  'NSS',
  'AUC_Judd',
  'sAUC',
  'CC',
  'SIM',
  'KLD',
  'IG',
  'AUC_Borji',
)
# NSS at the sound source, elsewhere and in the whole frame.
CONTEXTUAL = ('NSS_source', 'NSS_rest', 'NSS_whole')
LOWER_IS_BETTER = frozenset({'KLD'})
_ONLY_VIDEOSAL = {'AUC_Borji'}
Average = Literal['videos', 'frames']


@dataclasses.dataclass(frozen=True)
class ScoreSettings:
  """The settings that two runs must share for their scores to be comparable.

  The defaults here are the only ones: the command line and the configs take
  theirs from this class.

  Attributes:
    scores: Names from `SCORES` separated by commas, or 'all' for every score
      that the protocol defines.
    protocol: 'videosal' or 'pysaliency', see `scoring.metrics`.
    seed: Seed of the jitter, the shuffled AUC and AUC-Borji.
    jitter: Whether AUC-Judd breaks ties by noise.
    splits: Number of random splits of the shuffled AUC and AUC-Borji. 0 uses
      all negatives of the shuffled AUC at once, and 100 splits for AUC-Borji.
    negatives: Number of other frames that the shuffled AUC takes its negatives
      from; 0 takes all.
    exclude_same, negatives_from, drop_own_fixations: Which frames and pixels
      these are, see `scoring.negatives`.
    average: 'videos' averages over the frames of each video, then over videos;
      'frames' averages over all frames.

  Raises:
    ValueError: A value is unknown.
  """

  scores: str = 'all'
  protocol: Protocol = 'videosal'
  seed: int = 0
  jitter: bool = True
  splits: int = 100
  negatives: int = 10
  exclude_same: ExcludeSame = 'video'
  negatives_from: NegativesFrom = 'all'
  drop_own_fixations: bool = False
  average: Average = 'videos'

  def __post_init__(self):
    check_protocol(self.protocol)
    unknown = [name for name in self.names if name not in SCORES]
    if unknown:
      raise ValueError(
        f'expected scores from {", ".join(SCORES)}, got {", ".join(unknown)}'
      )
    if self.protocol != 'videosal' and _ONLY_VIDEOSAL & set(self.names):
      raise ValueError(
        f'protocol {self.protocol!r} does not define AUC_Borji; remove it from '
        'scores'
      )
    if self.average not in get_args(Average):
      raise ValueError(
        f'expected average in {get_args(Average)}, got {self.average!r}'
      )

  @property
  def names(self) -> tuple[str, ...]:
    """The names of the scores, in order."""
    if self.scores != 'all':
      return tuple(self.scores.split(','))
    excluded = set() if self.protocol == 'videosal' else _ONLY_VIDEOSAL
    return tuple(name for name in SCORES if name not in excluded)
