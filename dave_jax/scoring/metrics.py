"""Scores of a saliency map against fixations and density maps.

`protocol='videosal'` gives what the MATLAB code of the DHF1K benchmark gives
(mmcheng.net/videosal, itself the code of the MIT benchmark); `'pysaliency'`
what the library of that name (0.2) gives. NaN means that the score is undefined
for the frame; the caller leaves it out and counts it.

All maps are [h, w]. Functions raise a ValueError or TypeError for other arrays,
see `scoring.frames`.
"""

import numpy as np

from dave_jax.scoring.frames import (
  Frame,
  Protocol,
  check_protocol,
  read_fixated,
  read_maps,
)

# MATLAB's eps; pysaliency rounds it.
_EPSILON = {'videosal': np.finfo(np.float64).eps, 'pysaliency': 2.2204e-16}


def nss(
  saliency: np.ndarray,
  fixation_map: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> float:
  """Returns the normalized scanpath saliency (Peters et al., 2005).

  Args:
    saliency: The map.
    fixation_map: Number of fixations in each pixel.
    protocol: 'videosal' divides by the standard deviation with N - 1, and
      averages over fixated pixels. 'pysaliency' divides by that with N, and
      averages over fixations.

  Returns:
    NaN without fixations. A constant map is NaN in 'videosal' and 0 in
    'pysaliency'.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  predicted, pixels = read_fixated(
    saliency, fixation_map, repeated=not original
  )
  if not len(pixels):
    return np.nan
  if predicted.constant:
    return np.nan if original else 0.0
  deviations = _deviations(predicted)
  variance = deviations @ deviations / (len(deviations) - original)
  return deviations[pixels].mean() / np.sqrt(variance)


def cc(
  saliency: np.ndarray, density: np.ndarray, *, protocol: Protocol = 'videosal'
) -> float:
  """Returns Pearson's correlation coefficient of two maps, -1 to 1.

  Args:
    saliency, density: The maps.
    protocol: They differ where only the saliency is constant.

  Returns:
    NaN if a map is constant; but 0 in 'pysaliency' if only the saliency is.
  """
  check_protocol(protocol)
  predicted, truth = read_maps(saliency, density, 'density')
  if truth.constant:
    return np.nan
  if predicted.constant:
    return np.nan if protocol == 'videosal' else 0.0
  a, b = _deviations(predicted), _deviations(truth)
  return (a @ b) / np.sqrt(a @ a) / np.sqrt(b @ b)


def sim(
  saliency: np.ndarray, density: np.ndarray, *, protocol: Protocol = 'videosal'
) -> float:
  """Returns the similarity, the sum of minima of two maps that sum to 1.

  Args:
    saliency, density: The maps.
    protocol: 'videosal' scales each map to 0..1 before it divides by the sum;
      'pysaliency' does not, but shifts a map with negative values to 0.

  Returns:
    0 to 1. In 'videosal' NaN if a map is constant but not zero, and 0 if one is
    zero; in 'pysaliency' a map of zeros counts as uniform.
  """
  check_protocol(protocol)
  shares = _scaled_shares if protocol == 'videosal' else _shifted_shares
  a, b = map(shares, read_maps(saliency, density, 'density'))
  return np.minimum(a, b, out=a).sum()


def kld(
  saliency: np.ndarray, density: np.ndarray, *, protocol: Protocol = 'videosal'
) -> float:
  """Returns the Kullback-Leibler divergence of the density from the saliency.

  sum g log(eps + g / (p + eps)) in nats, where g is the density and p the
  saliency, each divided by its sum; eps is 2.2204e-16. 0 is best.

  Args:
    saliency, density: The maps; not negative in 'videosal'.
    protocol: 'videosal' leaves a map of zeros as it is. A DENSITY of zeros then
      scores 0, the best score, so leave out frames without fixations.
      'pysaliency' (its `MIT_KLDiv`) takes a map of zeros as uniform and shifts
      a map with negative values to 0.

  Raises:
    ValueError: 'videosal' and a negative value (the logarithm of the original
      becomes complex).
  """
  check_protocol(protocol)
  predicted, truth = read_maps(saliency, density, 'density')
  if protocol == 'videosal':
    p, g = _shares(predicted, 'saliency'), _shares(truth, 'density')
  else:
    p, g = _shifted_shares(predicted), _shifted_shares(truth)
  p += _EPSILON[protocol]
  np.divide(g, p, out=p)
  p += _EPSILON[protocol]
  return g @ np.log(p, out=p)


def information_gain(
  saliency: np.ndarray,
  fixation_map: np.ndarray,
  baseline: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> float:
  """Returns the information gain over a baseline (Kümmerer et al., 2015).

  Mean over fixations of log2 p - log2 q in bits, where p is the saliency and
  q the baseline, each summing to 1.

  Args:
    saliency: The map.
    fixation_map: Number of fixations in each pixel.
    baseline: A map such as the mean eye position.
    protocol: 'videosal' follows the MIT benchmark's InfoGain.m: maps are
      scaled to 0..1 before they are divided by their sums, 2.2204e-16 is added
      in the logarithms, fixated pixels count once. 'pysaliency' takes the maps,
      divided by their sums, as densities: every fixation counts, and one where
      the saliency is 0 gives minus infinity.

  Returns:
    NaN without fixations; also if a map is constant ('videosal') or sums to 0
    ('pysaliency').

  Raises:
    ValueError: 'pysaliency' and a negative value.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  predicted, reference = read_maps(saliency, baseline, 'baseline')
  _, pixels = read_fixated(saliency, fixation_map, repeated=not original)
  if not len(pixels):
    return np.nan
  if original:
    if predicted.constant or reference.constant:
      return np.nan
    p = _scaled_shares(predicted)[pixels] + _EPSILON[protocol]
    q = _scaled_shares(reference)[pixels] + _EPSILON[protocol]
  else:
    p = _shares(predicted, 'saliency')[pixels]
    q = _shares(reference, 'baseline')[pixels]
    if not (predicted.high and reference.high):
      return np.nan
  with np.errstate(divide='ignore'):
    return (np.log2(p) - np.log2(q)).mean()


def _deviations(frame: Frame):
  deviations = frame.values.astype(np.float64)
  deviations -= deviations.mean()
  return deviations


def _shares(frame: Frame, name):
  """Divides a map by its sum; zeros stay."""
  if frame.low < 0:
    raise ValueError(
      f'{name}: expected a map without negative values, got {frame.low}; clip '
      'what bicubic resizing overshoots'
    )
  shares = frame.values.astype(np.float64)
  if frame.high:
    shares /= shares.sum()
  return shares


def _scaled_shares(frame: Frame):
  """Scales to 0..1 and divides by the sum; zeros stay, constants are NaN."""
  shares = frame.values.astype(np.float64)
  if frame.constant:
    return np.full_like(shares, np.nan) if frame.high else shares
  shares -= frame.low
  # Dividing by the largest first would cancel.
  shares /= shares.sum()
  return shares


def _shifted_shares(frame: Frame):
  """Shifts negative values to 0, divides by the sum; zeros are uniform."""
  shares = frame.values.astype(np.float64)
  if frame.low < 0:
    shares -= frame.low
  total = shares.sum()
  if not total:
    return np.full_like(shares, 1 / len(shares))
  shares /= total
  return shares
