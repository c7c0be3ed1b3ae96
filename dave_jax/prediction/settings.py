"""What the results of `predict` depend on, besides the model and the video."""

import dataclasses

from dave_jax.media.clock import ALIGNMENTS
from dave_jax.media.overlay import Style
from dave_jax.prediction import maps
from dave_jax.prediction.drawings import DRAWINGS
from dave_jax.prediction.saliency_model import SIZES

PAGE = 'page'
FORMATS = (*maps.FORMATS, *DRAWINGS, PAGE)


@dataclasses.dataclass(frozen=True)
class Settings:
  """Everything that the results depend on, besides the model and the file.

  Attributes:
    formats: What to write, of FORMATS; maps in at most one format.
    values: What the numbers of a map mean, see `maps.finish_map`.
    size: Size of the maps: 'video' or 'network'.
    stride: Predicts every so many frames, counted from the first of the video.
    fps: Predicts so many frames per second instead; None is every `stride`.
    start, end: Seconds to start at and to stop before; None is the end.
    alignment: Which sound belongs to a frame, see `media.clock`.
    dtype: Name of the type of the computation.
    video_stream, audio_stream: Indices in the file; None is the best one, and
      the one that belongs to it.
    sound: 'own', 'none' for silence, or a file whose sound is used instead.
    rate: Frames per second of a folder of images; None reads it from its name.
    gaze: A table of fixations to draw; None draws none.
    style: How saliency is drawn.
    areas: A file of areas of interest, see `media.areas`; None has none.
    pixels_per_degree: Pixels of the video per degree of visual angle; None if
      unknown.

  Raises:
    ValueError: A choice is unknown, or choices contradict each other.
  """

  formats: tuple[str, ...]
  values: str
  size: str
  stride: int
  fps: float | None
  start: float
  end: float | None
  alignment: str
  dtype: str
  video_stream: int | None
  audio_stream: int | None
  sound: str
  rate: float | None
  gaze: str | None
  style: Style
  areas: str | None
  pixels_per_degree: float | None

  def __post_init__(self):
    for name in self.formats:
      maps.check_choice('format', name, FORMATS)
    maps.check_choice('values', self.values, maps.VALUES)
    maps.check_choice('size', self.size, SIZES)
    maps.check_choice('alignment', self.alignment, ALIGNMENTS)
    if len(set(self.formats) & set(maps.FORMATS)) > 1:
      raise ValueError(
        f'format: expected at most one of {", ".join(maps.FORMATS)}, got '
        f'{",".join(self.formats)}'
      )
    if self.stride < 1 or (self.fps is not None and self.fps <= 0):
      raise ValueError(
        'expected a stride of 1 or more and a positive fps, got stride '
        f'{self.stride}, fps {self.fps}'
      )
    if self.stride > 1 and self.fps is not None:
      raise ValueError(
        f'got both stride {self.stride} and fps {self.fps:g}; give one'
      )
    if self.start < 0 or (self.end is not None and self.end <= self.start):
      raise ValueError(
        f'expected 0 <= start < end in seconds, got start {self.start}, end '
        f'{self.end}'
      )
    if self.pixels_per_degree is not None and self.pixels_per_degree <= 0:
      raise ValueError(
        'pixels_per_degree: expected a positive number, got '
        f'{self.pixels_per_degree:g}'
      )

  @property
  def map_format(self) -> str | None:
    """Format of the maps; None if none are kept."""
    return next((f for f in self.formats if f in maps.FORMATS), None)
