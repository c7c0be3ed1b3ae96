"""What a score depends on, beside the maps and the viewers."""

import dataclasses
from typing import Literal, get_args

from dave_jax.scoring.frames import Protocol, check_protocol
from dave_jax.scoring.negatives import Exclude, Own, Pool

# By the names that `metrics.json` has them under.
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
# Of sound source, rest and whole frame, where boxes are given.
CONTEXTUAL = ('NSS_source', 'NSS_rest', 'NSS_whole')
# What a network hears: the clip, another clip of its split (the one half the
# split further on, of those that have sound), or nothing.
SOUNDS = ('own', 'other', 'none')
LOWER_IS_BETTER = frozenset({'KLD'})
Average = Literal['videos', 'frames']


@dataclasses.dataclass(frozen=True)
class ScoreSettings:
  """Everything that makes scores of one run comparable to another's.

  Attributes:
    scores: Of `SCORES`, in the order they are shown.
    protocol: 'videosal' or 'pysaliency', see `scoring.metrics`.
    seed: Of the jitter, the shuffled AUC and AUC-Borji.
    jitter: Whether AUC-Judd breaks ties by noise.
    splits: Random choices of the shuffled AUC and AUC-Borji; None takes all
      negatives of the shuffled AUC at once, and 100 for AUC-Borji.
    negatives: How many other frames give the shuffled AUC its negatives; None
      takes all.
    exclude, pool, own: Which frames and pixels, see `scoring.negatives`.
    average: 'videos', the mean over a video's frames and then over videos; or
      'frames', the mean over all frames.

  Raises:
    ValueError: A choice is unknown.
  """

  scores: tuple[str, ...]
  protocol: Protocol
  seed: int
  jitter: bool
  splits: int | None
  negatives: int | None
  exclude: Exclude
  pool: Pool
  own: Own
  average: Average

  def __post_init__(self):
    check_protocol(self.protocol)
    unknown = [name for name in self.scores if name not in SCORES]
    if unknown or not self.scores:
      raise ValueError(
        f'scores {", ".join(unknown) or "()"}: want some of {", ".join(SCORES)}'
      )
    if self.protocol != 'videosal' and 'AUC_Borji' in self.scores:
      raise ValueError(
        f"protocol {self.protocol!r} has no AUC_Borji; leave it out of 'scores'"
      )
    if self.average not in get_args(Average):
      raise ValueError(
        f'average is {self.average!r}; want one of {get_args(Average)}'
      )
