"""Scores of single frames."""

import dataclasses
import functools
from collections.abc import Sequence

import cv2
import numpy as np

from dave_jax.datasets.boxes import Boxes
from dave_jax.evaluation.ground_truth import GroundTruth
from dave_jax.scoring import auc, metrics, msu
from dave_jax.scoring.emd import emd
from dave_jax.scoring.negatives import OtherFrames, negative_pixels
from dave_jax.scoring.preparation import as_stavis
from dave_jax.scoring.settings import CONTEXTUAL, ScoreSettings

_BORJI_SPLITS = 100


@dataclasses.dataclass(frozen=True, eq=False)
class FrameScorer:
  """Scores the maps of single frames, in any order and batch.

  Attributes:
    truth: The frames of the whole evaluation.
    settings: How they are scored.
    baseline: Map [h, w] of any size that the information gain is relative to;
      None leaves IG out.
    boxes: Boxes of the sound sources, for NSS inside and outside of them.
  """

  truth: GroundTruth
  settings: ScoreSettings
  baseline: np.ndarray | None
  boxes: Boxes | None

  @property
  def undefined(self) -> str | None:
    """Why sAUC is undefined in some clips; None if it is in none."""
    if 'sAUC' not in self.names or not self._other_frames.too_few:
      return None
    too_few = self._other_frames.too_few
    number, left = next(iter(too_few.items()))
    return (
      f'sAUC is undefined in {len(too_few)} of {len(self.truth.clips)} clips: '
      f'expected {self.settings.negatives or 1} or more other frames to take '
      f'negatives from, got {left} for {self.truth.clips[number].name}; score '
      'more clips, or set negatives, exclude_same or negatives_from'
    )

  @functools.cached_property
  def names(self) -> tuple[str, ...]:
    """The scores, in the order of the columns."""
    names = self.settings.names
    if self.baseline is None:
      names = tuple(name for name in names if name != 'IG')
    contextual = self.boxes and self.settings.protocol != 'msu'
    return names + (CONTEXTUAL if contextual else ())

  def __call__(
    self, rows: Sequence[int], maps: Sequence[np.ndarray]
  ) -> np.ndarray:
    """Returns the scores, float64 [n, scores]; NaN where undefined.

    All scores of a map with NaN or infinity are undefined.

    Args:
      rows: [n], the rows of the frames in `truth`.
      maps: n maps [h, w] of any size. Each is resized (bicubic) to the size
        that its frame is scored at.

    Raises:
      ValueError: A map is not a real array [h, w], or is negative where a score
        requires a density.
    """
    scores = [
      self._score(row, saliency)
      for row, saliency in zip(rows, maps, strict=True)
    ]
    return np.array(scores, np.float64).reshape(len(rows), len(self.names))

  def _score(self, row, saliency):
    saliency = self._checked(row, saliency)
    if not np.isfinite(saliency).all() or not len(self.truth.gaze(row).xy):
      return np.full(len(self.names), np.nan)
    if self.settings.protocol == 'msu':
      return self._msu(row, saliency)
    size = self.truth.size_of(row)
    if self.settings.preparation == 'stavis':
      saliency = as_stavis(saliency)
    saliency = resized(saliency, size)
    fixations = self.truth.fixation_map(row)
    settings = self.settings
    same = {'protocol': settings.protocol}
    density = functools.cache(lambda: self.truth.density(row))

    def rng():
      # A frame's random numbers depend on neither batch nor other scores.
      return np.random.default_rng((settings.seed, row))

    def shuffled_auc():
      negatives = self._negatives(row)
      if negatives is None:
        return np.nan
      splits = settings.splits or None
      return auc.shuffled_auc(
        saliency, fixations, negatives, splits=splits, rng=rng(), **same
      )

    scores = {
      'NSS': lambda: metrics.nss(saliency, fixations, **same),
      'CC': lambda: metrics.cc(saliency, density(), **same),
      'SIM': lambda: metrics.sim(saliency, density(), **same),
      'KLD': lambda: metrics.kld(saliency, density(), **same),
      'IG': lambda: metrics.information_gain(
        saliency, fixations, self._baseline_of(size), **same
      ),
      'AUC_Judd': lambda: auc.auc_judd(
        saliency, fixations, jitter=rng() if settings.jitter else None, **same
      ),
      'sAUC': shuffled_auc,
      'AUC': lambda: auc.auc(saliency, fixations),
      'EMD': lambda: emd(saliency, density()),
      'AUC_Borji': lambda: auc.auc_borji(
        saliency,
        fixations,
        splits=settings.splits or _BORJI_SPLITS,
        rng=rng(),
      ),
    }
    return [
      self._contextual(name, row, saliency)
      if name in CONTEXTUAL
      else scores[name]()
      for name in self.names
    ]

  def _msu(self, row, saliency):
    """Scores by `scoring.msu`, at the size of the true map."""
    density = msu.prepared(self.truth.stored_density(row))
    saliency = msu.resized(msu.prepared(saliency), density.shape)
    pixels = self.truth.pixels(row, size=density.shape)
    fixations = np.stack(np.divmod(pixels, density.shape[1]), axis=1)
    scores = {
      'NSS': lambda: msu.nss(saliency, fixations),
      'CC': lambda: msu.cc(saliency, density),
      'SIM': lambda: msu.sim(saliency, density),
      'AUC_Judd': lambda: msu.auc_judd(saliency, fixations),
    }
    return [scores[name]() for name in self.names]

  def _checked(self, row, saliency):
    saliency = np.asarray(saliency)
    msu_protocol = self.settings.protocol == 'msu'
    place = (
      f'clip {self.truth.clips[self.truth.clip[row]].name}, frame '
      f'{self.truth.frame[row]}'
    )
    if (
      saliency.ndim not in ((2, 3) if msu_protocol else (2,))
      or not saliency.size
      or saliency.dtype.kind not in 'buif'
    ):
      raise ValueError(
        f'{place}: expected a map [h, w] of real numbers, got '
        f'{saliency.dtype} {saliency.shape}'
      )
    of_density = {
      'EMD',
      'KLD' if self.settings.protocol == 'videosal' else 'IG',
    }
    of_density &= set(self.names)
    if of_density and saliency.min() < 0:
      names = ' and '.join(sorted(of_density))
      raise ValueError(
        f'{place}: {names} requires a map without negative values, got '
        f'{saliency.min()}; remove {names} from the scores, or predict '
        'densities'
      )
    if msu_protocol:  # Its rules depend on the type of the map.
      return saliency
    # Sorting float64 takes twice as long.
    return saliency.astype(np.float32, copy=False)

  @functools.cached_property
  def _baseline_of(self):
    return functools.cache(lambda size: resized(self.baseline, size))

  def _negatives(self, row):
    others = self._other_frames(row)
    if others is None:
      return None
    others = others.tolist()
    drop = self.truth.pixels(row) if self.settings.drop_own_fixations else None
    return negative_pixels(
      [self.truth.pixels(other) for other in others],
      [self.truth.size_of(other) for other in others],
      self.truth.size_of(row),
      drop=drop,
    )

  @functools.cached_property
  def _other_frames(self) -> OtherFrames:
    return OtherFrames(
      self.truth.clip.tolist(),
      seed=self.settings.seed,
      count=self.settings.negatives or None,
      exclude_same=self.settings.exclude_same,
      negatives_from=self.settings.negatives_from,
    )

  def _contextual(self, name, row, saliency):
    clip = self.truth.clips[self.truth.clip[row]]
    inside = self.boxes.inside(
      clip.name, int(self.truth.frame[row]), self.truth.gaze(row).xy
    )
    if inside is None:
      return np.nan
    within = {
      'NSS_source': inside,
      'NSS_rest': ~inside,
      'NSS_whole': np.ones_like(inside),
    }[name]
    return metrics.nss(
      saliency,
      self.truth.fixation_map(row, within),
      protocol=self.settings.protocol,
    )


def resized(saliency: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns a map [h, w] resized (bicubic) and clipped to its own range."""
  if saliency.shape == tuple(size):
    return saliency
  h, w = size
  larger = cv2.resize(saliency, (w, h), interpolation=cv2.INTER_CUBIC)
  return np.clip(larger, saliency.min(), saliency.max())
