"""The settings that scores depend on, with their defaults."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

from dave_jax.checks import check_choice
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
  'AUC',
  'EMD',
)
# NSS at the sound source, elsewhere and in the whole frame.
CONTEXTUAL = ('NSS_source', 'NSS_rest', 'NSS_whole')
LOWER_IS_BETTER = frozenset({'KLD', 'EMD'})
# Computed only if named: AUC, that of the Tuebingen benchmark, repeats much of
# AUC_Judd, and EMD is slow and needs the package POT.
_ONLY_IF_NAMED = {'AUC', 'EMD'}
# What each protocol defines.
_DEFINED = {
  'videosal': set(SCORES),
  'pysaliency': set(SCORES) - {'AUC_Borji'},
  'msu': {'NSS', 'AUC_Judd', 'CC', 'SIM'},
}
Protocol = Literal['videosal', 'pysaliency', 'msu']
Average = Literal['videos', 'frames']
Preparation = Literal['none', 'stavis']
_RULES = {
  'videosal': 'as the MATLAB code of the DHF1K benchmark',
  'pysaliency': 'as the library pysaliency 0.2',
  'msu': 'as the code of the AIM 2024 and NTIRE 2026 challenges',
}


@dataclasses.dataclass(frozen=True)
class ScoreSettings:
  """The settings that two runs must share for their scores to be comparable.

  The defaults here are the only ones: the command line and the configs take
  theirs from this class.

  Attributes:
    scores: Names separated by commas, of NSS, AUC_Judd, sAUC, CC, SIM, KLD, IG,
      AUC_Borji, AUC and EMD; or 'all' for every score that the protocol defines
      but AUC and EMD.
    protocol: Definition of the scores, see scoring/metrics.py and
      scoring/msu.py.
    seed: Seed of the jitter, the shuffled AUC and AUC-Borji.
    jitter: Whether AUC-Judd breaks ties by noise.
    splits: Number of random splits of the shuffled AUC and AUC-Borji. 0 uses
      all negatives of the shuffled AUC at once, and 100 splits for AUC-Borji.
    negatives: Number of other frames that the shuffled AUC takes its negatives
      from; 0 takes all.
    exclude_same: Which frames give no negatives: those of the same video, or
      the frame itself.
    negatives_from: Whether negatives come from all videos or the same one.
    drop_own_fixations: Whether to drop negatives at the frame's own fixated
      pixels.
    average: 'videos' averages over the frames of each video, then over videos;
      'frames' averages over all frames.
    preparation: What is done to maps first: 'none', or 'stavis', which scales
      and blurs them as the evaluation of STAViS does.

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
  preparation: Preparation = 'none'

  def __post_init__(self):
    check_choice('protocol', self.protocol, get_args(Protocol))
    check_choice('average', self.average, get_args(Average))
    check_choice('preparation', self.preparation, get_args(Preparation))
    for name in self.names:
      check_choice('scores', name, SCORES)
    undefined = [
      name for name in self.names if name not in _DEFINED[self.protocol]
    ]
    if undefined:
      raise ValueError(
        f'protocol {self.protocol!r} does not define {", ".join(undefined)}; '
        'remove it from scores'
      )
    if self.preparation != 'none' and self.protocol == 'msu':
      raise ValueError(
        f"protocol 'msu' has no preparation, got {self.preparation!r}"
      )

  @property
  def names(self) -> tuple[str, ...]:
    """The names of the scores, in order."""
    if self.scores != 'all':
      return tuple(self.scores.split(','))
    defined = _DEFINED[self.protocol] - _ONLY_IF_NAMED
    return tuple(name for name in SCORES if name in defined)

  def rules(self, names: Sequence[str]) -> dict[str, str]:
    """Returns {score: the rules that give it}, for records and reports."""
    rules = dict.fromkeys(names, _RULES[self.protocol])
    choice = (
      f'{self.negatives or "all"} other frames of '
      f'{"all videos" if self.negatives_from == "all" else "the video"}, not '
      f'those of the same {self.exclude_same}'
    )
    own = ', own fixations dropped' if self.drop_own_fixations else ''
    extra = {
      'AUC': 'as the Tuebingen benchmark: fixations against all pixels, ties '
      'count half',
      'EMD': 'as the MIT benchmark: maps at 1/32 of the size, Euclidean '
      'distance in their pixels',
    }
    if self.protocol != 'msu':
      extra['sAUC'] = f'{rules.get("sAUC")}; negatives from {choice}{own}'
      if self.protocol == 'videosal':
        extra['sAUC'] += f'; {self.splits or "no"} random splits'
        jitter = 'jittered by 1e-7 of the range' if self.jitter else 'no jitter'
        extra['AUC_Judd'] = f'{rules.get("AUC_Judd")}; {jitter}'
    rules |= {name: text for name, text in extra.items() if name in rules}
    if self.preparation == 'stavis':
      blurred = 'maps scaled and blurred as the evaluation of STAViS does'
      rules = {name: f'{text}; {blurred}' for name, text in rules.items()}
    return rules
