"""Where decoding of a file can start."""

import bisect
import dataclasses
import math
import os

from dave_jax.media.container import StreamFrames, open_media


@dataclasses.dataclass(frozen=True)
class Entry:
  """A key frame at which decoding can start.

  Attributes:
    key_frame: Its time stamp, in units of the stream.
    stamps: Sorted stamps of all frames up to there and a little further; the
      index of a frame in the video is its place among them.
  """

  key_frame: int
  stamps: list[int]


def find_entry(
  path: str | os.PathLike, stream_index: int, start: float, lead: int
) -> Entry | None:
  """Returns the last key frame from which `lead` frames before `start` decode.

  Reads the packets up to `start` without decoding them.

  Returns:
    The key frame; None if packets do not tell the frames and their times, so
    that decoding has to start at the beginning.
  """
  with open_media(path) as media:
    stream = media.streams[stream_index]
    # VP8 keeps frames that are never shown in packets of their own, and an AVI
    # with H.264 or HEVC does not say which frames are shown before a key frame.
    if stream.name == 'vp8' or (
      media.format.name == 'avi' and stream.name in ('h264', 'hevc')
    ):
      return None
    target = start / stream.time_base
    stamps, key_frames = [], []
    packets = StreamFrames(media, stream)
    decoded = -math.inf
    for packet in packets.packets():
      if not packet.size or packet.is_discard:
        continue
      # Times that are not the file's own depend on the frames before.
      decode_time = decoded if packet.dts is None else packet.dts
      if packet.pts is None or decode_time < decoded:
        return None
      decoded = decode_time
      stamps.append(packet.pts)
      if packet.is_keyframe:
        key_frames.append(packet.pts)
      if decoded > target:
        break
    if packets.error or packets.jumps or len(set(stamps)) < len(stamps):
      return None
  if not stamps:
    return None
  stamps.sort()
  first = bisect.bisect_left(stamps, target)
  first = stamps[min(max(0, first - lead), len(stamps) - 1)]
  key_frame = max((key for key in key_frames if key <= first), default=None)
  return None if key_frame is None else Entry(key_frame, stamps)
