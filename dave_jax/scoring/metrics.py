"""Scores of saliency maps against fixations and density maps.

One score per frame. `protocol='videosal'` gives what the MATLAB code of the
DHF1K benchmark gives (mmcheng.net/videosal, itself the code of the MIT
benchmark); `'pysaliency'` what the library of that name (0.2) gives. NaN means
that the score is undefined for the frame; the caller drops and counts it.
"""

import numpy as np

from dave_jax.scoring.frames import (
  Frame,
  Protocol,
  check_protocol,
  density_frames,
  fixation_frames,
)

# MATLAB's eps; pysaliency rounds it.
_EPSILON = {'videosal': np.finfo(np.float64).eps, 'pysaliency': 2.2204e-16}


def nss(
  saliency: np.ndarray,
  fixation_maps: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns the normalised scanpath saliency (Peters et al., 2005).

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w].
    protocol: 'videosal' divides by the N-1 standard deviation and means over
      fixated pixels, one that was fixated twice counting once. 'pysaliency'
      divides by the N one and means over fixations.

  Returns:
    float64 [n]; NaN without fixations. A constant map is NaN in 'videosal' and
    0 in 'pysaliency'.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  scores = []
  for predicted, pixels in fixation_frames(
    saliency, fixation_maps, repeated=not original
  ):
    if not len(pixels):
      scores.append(np.nan)
    elif predicted.constant:
      scores.append(np.nan if original else 0.0)
    else:
      deviations = _deviations(predicted)
      squares = deviations @ deviations
      variance = squares / (len(deviations) - original)
      scores.append(deviations[pixels].mean() / np.sqrt(variance))
  return np.array(scores, np.float64)


def cc(
  saliency: np.ndarray,
  density: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns Pearson's correlation coefficient of two maps.

  Args:
    saliency: [n, h, w].
    density: [n, h, w].
    protocol: They differ where only the saliency is constant.

  Returns:
    float64 [n] in -1..1; NaN where a map is constant, but 0 in 'pysaliency'
    where only the saliency is.
  """
  check_protocol(protocol)
  scores = []
  for predicted, truth in density_frames(saliency, density, 'density'):
    if truth.constant:
      scores.append(np.nan)
    elif predicted.constant:
      scores.append(np.nan if protocol == 'videosal' else 0.0)
    else:
      a, b = _deviations(predicted), _deviations(truth)
      scores.append((a @ b) / np.sqrt(a @ a) / np.sqrt(b @ b))
  return np.array(scores, np.float64)


def sim(
  saliency: np.ndarray,
  density: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns the similarity, the sum of minima of two maps that sum to 1.

  Args:
    saliency: [n, h, w].
    density: [n, h, w].
    protocol: 'videosal' scales each map to 0..1 before it divides by the sum;
      'pysaliency' does not (a map with negative values it lifts to 0).

  Returns:
    float64 [n] in 0..1. In 'videosal' NaN where a map is constant and not
    zero, else 0 where one is zero; in 'pysaliency' a zero map is uniform.
  """
  check_protocol(protocol)
  scores = []
  for predicted, truth in density_frames(saliency, density, 'density'):
    if protocol == 'videosal':
      a, b = _scaled_shares(predicted), _scaled_shares(truth)
    else:
      a, b = _lifted_shares(predicted), _lifted_shares(truth)
    scores.append(np.minimum(a, b, out=a).sum())
  return np.array(scores, np.float64)


def kld(
  saliency: np.ndarray,
  density: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns the Kullback-Leibler divergence of the density from the saliency.

  sum g log(eps + g / (p + eps)) in nats, where g is the density and p the
  saliency, each divided by its sum; eps is 2.2204e-16. 0 is best.

  Args:
    saliency: [n, h, w]; in 'videosal' not negative.
    density: [n, h, w]; in 'videosal' not negative.
    protocol: 'videosal' leaves a map of zeros as it is, so that a DENSITY of
      zeros scores 0, the best there is: leave out frames that nobody looked
      at. 'pysaliency' (its `MIT_KLDiv`) takes zeros for a uniform map and
      lifts negative values to 0.

  Returns:
    float64 [n].

  Raises:
    ValueError: 'videosal' and a negative value (the original's logarithm
      turns complex).
  """
  check_protocol(protocol)
  scores = []
  for number, (predicted, truth) in enumerate(
    density_frames(saliency, density, 'density')
  ):
    if protocol == 'videosal':
      p = _shares(predicted, 'saliency', number)
      g = _shares(truth, 'density', number)
    else:
      p, g = _lifted_shares(predicted), _lifted_shares(truth)
    p += _EPSILON[protocol]
    np.divide(g, p, out=p)
    p += _EPSILON[protocol]
    scores.append(g @ np.log(p, out=p))
  return np.array(scores, np.float64)


def information_gain(
  saliency: np.ndarray,
  fixation_maps: np.ndarray,
  baseline: np.ndarray,
  *,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns the information gain over a baseline (Kümmerer et al., 2015).

  Mean over fixations of log2 p - log2 q in bits, where p is the saliency and
  q the baseline, each summing to 1.

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w].
    baseline: Such as the mean eye position, [n, h, w], or [h, w] for all.
    protocol: 'videosal' follows the MIT benchmark's InfoGain.m: maps are
      scaled to 0..1 before they are divided by their sums, 2.2204e-16 is added
      in the logarithms, fixated pixels count once. 'pysaliency' takes the maps
      for densities as they are, divided by their sums: every fixation counts,
      and one where the saliency is 0 gives minus infinity.

  Returns:
    float64 [n]; NaN without fixations, or, in 'videosal', where a map is
    constant. In 'pysaliency' NaN where one sums to 0.

  Raises:
    ValueError: 'pysaliency' and a negative value.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  if np.ndim(baseline) == 2:
    baseline = np.broadcast_to(baseline, (len(saliency), *baseline.shape))
  scores = []
  maps = density_frames(saliency, baseline, 'baseline')
  fixations = fixation_frames(saliency, fixation_maps, repeated=not original)
  for number, ((predicted, reference), (_, pixels)) in enumerate(
    zip(maps, fixations, strict=True)
  ):
    if not len(pixels):
      scores.append(np.nan)
      continue
    if original:
      p, q = _scaled_shares(predicted), _scaled_shares(reference)
      if predicted.constant or reference.constant:
        p = p * np.nan
      p = p[pixels] + _EPSILON[protocol]
      q = q[pixels] + _EPSILON[protocol]
    else:
      p = _shares(predicted, 'saliency', number)[pixels]
      q = _shares(reference, 'baseline', number)[pixels]
      if not (predicted.high and reference.high):
        p = p * np.nan
    with np.errstate(divide='ignore'):
      scores.append((np.log2(p) - np.log2(q)).mean())
  return np.array(scores, np.float64)


def _deviations(frame: Frame):
  deviations = frame.values.astype(np.float64)
  deviations -= deviations.mean()
  return deviations


def _shares(frame: Frame, name, number):
  """Divides by the sum; zeros stay."""
  if frame.low < 0:
    raise ValueError(
      f'frame {number} of {name} goes down to {frame.low}; want a map without '
      'negative values (clip what bicubic resizing overshoots)'
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


def _lifted_shares(frame: Frame):
  """Lifts negative values to 0 and divides by the sum; zeros are uniform."""
  shares = frame.values.astype(np.float64)
  if frame.low < 0:
    shares -= frame.low
  total = shares.sum()
  if not total:
    return np.full_like(shares, 1 / len(shares))
  shares /= total
  return shares
