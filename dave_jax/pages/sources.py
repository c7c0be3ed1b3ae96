"""Which video files a page can show."""

import os
import pathlib

import av

from dave_jax.media.container import open_media
from dave_jax.media.video import VideoInfo

# What both Chromium and Firefox play from disk.
_SUFFIXES = frozenset(['.mp4', '.m4v', '.mov', '.webm'])
_VIDEO = frozenset(['h264', 'vp8', 'vp9', 'av1'])
_AUDIO = frozenset(['aac', 'mp3', 'opus', 'vorbis', 'flac'])
_PIXELS = frozenset(['yuv420p', 'yuvj420p'])


def browsers_play(path: str | os.PathLike, info: VideoInfo) -> bool:
  """Returns whether browsers play a video as it is.

  Only what Chromium and Firefox both play counts: 8-bit 4:2:0 H.264, VP8, VP9
  or AV1 in MP4, MOV or WebM, whose video and sound are the streams that `info`
  names.

  Args:
    path: A media file, image or folder.
    info: Description of the video.
  """
  path = pathlib.Path(path)
  if not path.is_file() or path.suffix.lower() not in _SUFFIXES:
    return False
  with open_media(path) as media:
    video = media.streams.video
    audio = media.streams.audio
    if len(video) != 1 or len(audio) > 1:
      return False
    codec = video[0].codec_context
    return (
      _name(codec) in _VIDEO
      and codec.pix_fmt in _PIXELS
      and all(_name(stream.codec_context) in _AUDIO for stream in audio)
      and video[0].index == info.video_stream
    )


def _name(context: av.codec.CodecContext) -> str:
  return context.codec.canonical_name if context.codec else ''
