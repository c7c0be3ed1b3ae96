"""Where to begin decoding, for a video that is not wanted from its start."""

import bisect
import dataclasses
import os

import av

from dave_jax.media.container import open_media


@dataclasses.dataclass(frozen=True)
class Entry:
  """A key frame to begin decoding at.

  Attributes:
    key_frame: Its time stamp, in units of the stream.
    stamps: Those of all frames up to there and a little further, sorted: the
      number of a frame is its place among them.
  """

  key_frame: int
  stamps: list[int]


def find_entry(
  path: str | os.PathLike, stream_index: int, start: float, lead: int
) -> Entry | None:
  """Returns the last key frame from which `lead` frames before `start` decode.

  Reads the packets up to `start` without decoding them.

  Returns:
    The key frame; None where packets do not tell the frames, so that decoding
    has to begin at the beginning.
  """
  with open_media(path) as media:
    stream = media.streams[stream_index]
    # VP8 keeps frames that are never shown in packets of their own.
    if stream.name == 'vp8':
      return None
    target = start / stream.time_base
    stamps, key_frames = [], []
    try:
      for packet in media.demux(stream):
        if not packet.size or packet.is_discard:
          continue
        if packet.pts is None:
          return None
        stamps.append(packet.pts)
        if packet.is_keyframe:
          key_frames.append(packet.pts)
        if packet.dts is not None and packet.dts > target:
          break
    except av.error.FFmpegError:
      return None
  if not stamps:
    return None
  stamps.sort()
  first = bisect.bisect_left(stamps, target)
  first = stamps[min(max(0, first - lead), len(stamps) - 1)]
  key_frame = max((key for key in key_frames if key <= first), default=None)
  return None if key_frame is None else Entry(key_frame, stamps)
