"""Scores of single frames."""

import copy
import itertools
from collections.abc import Sequence

import cv2
import numpy as np

from dave_jax.datasets.boxes import Boxes
from dave_jax.evaluation.ground_truth import GroundTruth
from dave_jax.scoring import auc, metrics
from dave_jax.scoring.negatives import choose_other_frames, negative_pixels
from dave_jax.scoring.settings import CONTEXTUAL, ScoreSettings

_BORJI_SPLITS = 100


class FrameScorer:
  """Scores maps of single frames, whatever process or batch they come in.

  Attributes:
    truth: The frames of the whole evaluation.
    settings: How they are scored.
    names: The scores, in the order of the columns.
  """

  def __init__(
    self,
    truth: GroundTruth,
    settings: ScoreSettings,
    *,
    baseline: np.ndarray | None,
    boxes: Boxes | None,
  ):
    """Chooses the negatives of the shuffled AUC.

    Args:
      truth, settings: See above.
      baseline: What the information gain is over, a map [h, w] for all frames
        (of any size, stretched to each frame's); None leaves IG out.
      boxes: Where what is heard is, for NSS there and in the rest.

    Raises:
      ValueError: There are too few other frames to take negatives from.
    """
    self.truth = truth
    self.settings = settings
    self.names = tuple(
      name for name in settings.names if name != 'IG' or baseline is not None
    ) + (CONTEXTUAL if boxes is not None else ())
    self._baseline = baseline
    self._baselines: dict = {}
    self._boxes = boxes
    self._sizes = np.array([truth.size_of(row) for row in range(len(truth))])
    self._others = None
    self._others_of_clip = (None, None)
    if 'sAUC' in self.names and settings.negatives:
      # Ten a frame: 4 MB for all of DAVoS.
      self._others = list(self._choose(range(len(truth))))

  def of_truth(self, truth: GroundTruth) -> 'FrameScorer':
    """Returns the scorer of other viewers of the same frames."""
    other = copy.copy(self)
    other.truth = truth
    return other

  def __call__(
    self, rows: Sequence[int], maps: Sequence[np.ndarray]
  ) -> np.ndarray:
    """Returns float64 [n, scores]; NaN where a score is undefined.

    A map that holds NaN or infinity has no score at all.

    Args:
      rows: [n], places of the frames in `truth` (`GroundTruth.row`).
      maps: n maps [h, w] of any size; each is resized (bicubic) to the size
        that its frame is scored at.

    Raises:
      ValueError: A map is not [h, w] of numbers.
    """
    return np.array(
      [self._score(row, maps[i]) for i, row in enumerate(rows)], np.float64
    ).reshape(len(rows), len(self.names))

  def _score(self, row, saliency):
    saliency = self._checked(row, saliency)
    if not np.isfinite(saliency).all() or not len(self.truth.xy[row]):
      return np.full(len(self.names), np.nan)
    saliency = resized(saliency, self.truth.size_of(row))[None]
    fixations = self.truth.fixation_map(row)[None]
    scores = {}
    if {'CC', 'SIM', 'KLD'} & set(self.names):
      density = self.truth.density(row)[None]
    protocol = self.settings.protocol
    number = {'seed': self.settings.seed, 'frame_numbers': [row]}
    for name in self.names:
      if name == 'NSS':
        score = metrics.nss(saliency, fixations, protocol=protocol)
      elif name == 'CC':
        score = metrics.cc(saliency, density, protocol=protocol)
      elif name == 'SIM':
        score = metrics.sim(saliency, density, protocol=protocol)
      elif name == 'KLD':
        score = metrics.kld(saliency, density, protocol=protocol)
      elif name == 'IG':
        score = metrics.information_gain(
          saliency, fixations, self._baseline_of(row), protocol=protocol
        )
      elif name == 'AUC_Judd':
        jitter = self.settings.jitter
        score = auc.auc_judd(
          saliency, fixations, jitter=jitter, protocol=protocol, **number
        )
      elif name == 'sAUC':
        splits = self.settings.splits or None
        score = auc.shuffled_auc(
          saliency,
          fixations,
          [self._negatives(row)],
          splits=splits,
          protocol=protocol,
          **number,
        )
      elif name == 'AUC_Borji':
        splits = self.settings.splits or _BORJI_SPLITS
        score = auc.auc_borji(saliency, fixations, splits=splits, **number)
      else:
        score = self._contextual(name, row, saliency)
      scores[name] = score[0]
    return [scores[name] for name in self.names]

  def _checked(self, row, saliency):
    saliency = np.asarray(saliency)
    if (
      saliency.ndim != 2
      or not saliency.size
      or saliency.dtype.kind not in 'buif'
    ):
      raise ValueError(
        f'{self._place(row)}: its map is {saliency.dtype} {saliency.shape}; '
        'want one number a pixel, [h, w]'
      )
    if self._needs_densities and saliency.min() < 0:
      raise ValueError(
        f'{self._place(row)}: its map goes down to {saliency.min()}, and '
        f'{self._needs_densities} wants none below zero; leave out '
        f'{self._needs_densities}, or predict densities'
      )
    # float64 would take twice as long to sort.
    return saliency.astype(np.float32, copy=False)

  @property
  def _needs_densities(self) -> str | None:
    """The score that wants maps without negative values."""
    score = 'KLD' if self.settings.protocol == 'videosal' else 'IG'
    return score if score in self.names else None

  def _place(self, row):
    clip = self.truth.clips[self.truth.clip[row]].name
    return f'clip {clip}, frame {self.truth.frame[row]}'

  def _baseline_of(self, row):
    size = self.truth.size_of(row)
    if size not in self._baselines:
      self._baselines[size] = resized(self._baseline, size)
    return self._baselines[size]

  def _negatives(self, row):
    if self._others is not None:
      others = self._others[row]
    else:
      clip = int(self.truth.clip[row])
      rows = self.truth.rows(clip)
      if self._others_of_clip[0] != clip:
        self._others_of_clip = clip, list(self._choose(rows))
      others = self._others_of_clip[1][row - rows[0]]
    return negative_pixels(
      self.truth.pixels,
      self._sizes,
      row,
      others,
      drop_own_fixations=self.settings.drop_own_fixations,
    )

  def _choose(self, rows):
    """Yields the frames that give negatives, of rows that follow each other."""
    chosen = choose_other_frames(
      [self.truth.clips[clip].name for clip in self.truth.clip],
      seed=self.settings.seed,
      count=self.settings.negatives or None,
      exclude_same=self.settings.exclude_same,
      negatives_from=self.settings.negatives_from,
    )
    return itertools.islice(chosen, int(rows[0]), int(rows[-1]) + 1)

  def _contextual(self, name, row, saliency):
    clip = self.truth.clips[self.truth.clip[row]]
    inside = self._boxes.inside(
      clip.name, int(self.truth.frame[row]), self.truth.xy[row]
    )
    if inside is None:
      return np.array([np.nan])
    within = {
      'NSS_source': inside,
      'NSS_rest': ~inside,
      'NSS_whole': np.ones_like(inside),
    }[name]
    return metrics.nss(
      saliency,
      self.truth.fixation_map(row, within)[None],
      protocol=self.settings.protocol,
    )


def resized(saliency: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns a map [h, w] in another size, bicubic.

  What the filter overshoots beyond the map's own range is cut off.
  """
  if saliency.shape == tuple(size):
    return saliency
  h, w = size
  larger = cv2.resize(saliency, (w, h), interpolation=cv2.INTER_CUBIC)
  return np.clip(larger, saliency.min(), saliency.max())
