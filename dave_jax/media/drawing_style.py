"""How saliency is drawn."""

import dataclasses

from dave_jax.checks import check_choice

STYLES = ('heat', 'contour', 'side_by_side')
COLORMAPS = ('inferno', 'hot', 'jet', 'magma', 'plasma', 'turbo', 'viridis')


@dataclasses.dataclass(frozen=True)
class Style:
  """How saliency is drawn.

  Attributes:
    style: How maps are drawn: colours over the picture (heat); lines at a
      quarter, half and three quarters of the way from the mean of the map to
      its peak (contour); or the picture beside heat on it (side_by_side).
    opacity: Opacity of the colours at the peak, 0 to 1.
    colormap: Colours of low to high saliency.

  Raises:
    ValueError: A choice is unknown.
  """

  style: str = 'heat'
  opacity: float = 0.75
  colormap: str = 'inferno'

  def __post_init__(self):
    check_choice('style', self.style, STYLES)
    check_choice('colormap', self.colormap, COLORMAPS)
    if not 0 <= self.opacity <= 1:
      raise ValueError(f'opacity: expected 0 to 1, got {self.opacity}')
