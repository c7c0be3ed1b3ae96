"""What the results of `predict` depend on, besides the model and the video."""

import dataclasses

from dave_jax.checks import check_choice
from dave_jax.media.clock import ALIGNMENTS
from dave_jax.media.drawing_style import Style

VIDEO_BITS = {'mp4': 8, 'mp4_10bit': 10}  # Bits of a video of maps.
MAP_FORMATS = ('png', 'npz', 'mat', *VIDEO_BITS)
DRAWINGS = ('overlay', 'gif', 'stills')
PAGE = 'page'
FORMATS = (*MAP_FORMATS, *DRAWINGS, PAGE)
VALUES = ('probability', 'minmax', 'network')  # See `maps.finish_map`.
SIZES = ('video', 'network')
SUBMISSIONS = {'ntire2026': 'mp4'}  # {challenge: format of its maps}.


@dataclasses.dataclass(frozen=True)
class Settings:
  """Everything that the results depend on, besides the model and the file.

  The defaults here are the only ones, and these texts are the help of
  `dave_jax.predict`.

  Attributes:
    formats: What to write, of FORMATS; maps in at most one format.
    values: Maps sum to 1 (probability), range from 0 to 1 (minmax), or are as
      the network computes them.
    size: Size of the maps: the video's, or an eighth of the network's frames.
    stride: Predicts every n-th frame, counted from the first of the video.
    fps: Predicts so many frames per second instead.
    start: Second to start at.
    end: Second to stop before.
    alignment: Sound that belongs to a frame: by time stamps (exact), only what
      was heard before it (causal), or as the published code counts (reference).
    dtype: Type of the computation.
    video_stream: Index of the stream of video (default: the best).
    audio_stream: Index of the stream of sound (default: that of the video).
    sound: 'own', 'none' for silence, or a file whose sound begins with the
      first frame and is used instead.
    rate: Frames per second of a folder of frames (default: the number that its
      name ends with, as clip_25).
    gaze: Fixations of people, drawn as circles: a CSV with the columns name,
      frame or time, viewer, x, y.
    style: How saliency is drawn.
    areas: A file of areas of interest, see `media.areas`; None has none.
    compare_sound: Also predict without sound, and show where the sound
      matters; takes twice as long.
    pixels_per_degree: Pixels of the video per degree of visual angle, for
      columns in degrees.

  Raises:
    ValueError: A choice is unknown, or choices contradict each other.
  """

  formats: tuple[str, ...] = ('png', 'overlay', PAGE)
  values: str = 'probability'
  size: str = 'video'
  stride: int = 1
  fps: float | None = None
  start: float = 0.0
  end: float | None = None
  alignment: str = 'exact'
  dtype: str = 'float32'
  video_stream: int | None = None
  audio_stream: int | None = None
  sound: str = 'own'
  rate: float | None = None
  gaze: str | None = None
  style: Style = dataclasses.field(default_factory=Style)
  areas: str | None = None
  compare_sound: bool = False
  pixels_per_degree: float | None = None

  def __post_init__(self):
    for name in self.formats:
      check_choice('format', name, FORMATS)
    check_choice('values', self.values, VALUES)
    check_choice('size', self.size, SIZES)
    check_choice('alignment', self.alignment, ALIGNMENTS)
    if len(set(self.formats) & set(MAP_FORMATS)) > 1:
      raise ValueError(
        f'format: expected at most one of {", ".join(MAP_FORMATS)}, got '
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
    if set(self.formats) & VIDEO_BITS.keys() and (
      self.stride > 1 or self.fps or self.start or self.end is not None
    ):
      raise ValueError(
        'expected every frame of the video for a video of maps, got a stride, '
        'fps, start or end; leave these out, or use --format=png'
      )
    if self.compare_sound and self.sound == 'none':
      raise ValueError(
        'compare_sound: got sound none, which leaves nothing to compare; leave '
        'out one of them'
      )
    if self.pixels_per_degree is not None and self.pixels_per_degree <= 0:
      raise ValueError(
        'pixels_per_degree: expected a positive number, got '
        f'{self.pixels_per_degree:g}'
      )

  @property
  def map_format(self) -> str | None:
    """Format of the maps; None if none are kept."""
    return next((f for f in self.formats if f in MAP_FORMATS), None)
