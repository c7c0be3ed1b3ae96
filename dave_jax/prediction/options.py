"""What a user can choose about a prediction."""

import dataclasses

from dave_jax.media.clock import ALIGNMENTS
from dave_jax.prediction import maps

FORMATS = (*maps.FORMATS, 'overlay')
SIZES = ('network', 'video')


@dataclasses.dataclass(frozen=True)
class Settings:
  """Everything that the results depend on, beside the model and the file.

  Attributes:
    formats: What to write, of FORMATS; maps in one format at most.
    values: 'probability' (a map sums to 1) or 'minmax' (it spans 0 to 1).
    size: Size of the maps, the 'network's or the 'video's.
    stride: A map for every how many frames.
    start, end: Seconds to begin at and to stop before; None is the end.
    alignment: Which sound belongs to a frame.
    dtype: Name of the computation's type.
    video_stream, audio_stream: Indexes in the file; None is the best, the
      default.
    rate: Frames per second of a folder of frames; None reads the folder's name.

  Raises:
    ValueError: A choice is unknown or makes no sense.
  """

  formats: tuple[str, ...]
  values: str
  size: str
  stride: int
  start: float
  end: float | None
  alignment: str
  dtype: str
  video_stream: int | None
  audio_stream: int | None
  rate: float | None

  def __post_init__(self):
    _one_of('format', self.formats, FORMATS)
    _one_of('values', (self.values,), maps.VALUES)
    _one_of('size', (self.size,), SIZES)
    _one_of('alignment', (self.alignment,), ALIGNMENTS)
    if len(set(self.formats) & set(maps.FORMATS)) > 1:
      raise ValueError('format: png or npz, not both')
    if self.stride < 1:
      raise ValueError(f'stride {self.stride}: must be 1 or more')
    if self.start < 0 or (self.end is not None and self.end <= self.start):
      raise ValueError(
        f'start {self.start}, end {self.end}: must be 0 <= start < end, in '
        'seconds'
      )

  @property
  def map_format(self) -> str | None:
    """Format of the maps; None if none are written."""
    return next((f for f in self.formats if f in maps.FORMATS), None)


def _one_of(name, chosen, known) -> None:
  for choice in chosen:
    if choice not in known:
      raise ValueError(f'{name} {choice!r}: wanted one of {", ".join(known)}')
