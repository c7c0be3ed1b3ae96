"""Changes that evaluations make to saliency maps before they score them."""

import cv2
import numpy as np

_WINDOW, _SIGMA = (13, 13), 2.0  # Pixels.


def as_stavis(saliency: np.ndarray) -> np.ndarray:
  """Prepares a map as the evaluation of STAViS does, before it is resized.

  The map is scaled to 0..1 and blurred by a Gaussian of 2 pixels in a 13 x 13
  window, mirrored at the borders (Tsiami et al., CVPR 2020, eval_code).

  Args:
    saliency: [h, w].

  Returns:
    float32 [h, w]; 0.5 everywhere if the map is constant.
  """
  low, high = float(saliency.min()), float(saliency.max())
  if low == high:
    return np.full(saliency.shape, 0.5, np.float32)
  scaled = ((saliency - low) / (high - low)).astype(np.float32)
  return cv2.GaussianBlur(
    scaled, _WINDOW, _SIGMA, borderType=cv2.BORDER_REFLECT
  )
