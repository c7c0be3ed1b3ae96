"""What a video reader gives."""

from dave_jax.media.video import VideoReader
from tests.media import clips


def read(path, **options):
  """Returns (reader, indices, times, numbers in the pictures)."""
  with VideoReader(path, **options) as reader:
    frames = list(reader)
  return (
    reader,
    [frame.index for frame in frames],
    [frame.time for frame in frames],
    [clips.number(frame.image) for frame in frames],
  )
