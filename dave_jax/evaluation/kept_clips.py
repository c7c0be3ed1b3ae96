"""Maps and videos of scored clips, kept for the page of a report.

OUT/clips/NAME.npz   the maps of the scored frames, and what people looked at
OUT/clips/NAME.mp4   the clip, with its sound, as the data set stores it
"""

import dataclasses
import pathlib
import tempfile
import wave
import zipfile

import cv2
import numpy as np

from dave_jax.datasets.schema import Clip
from dave_jax.evaluation.ground_truth import GroundTruth
from dave_jax.evaluation.run_folder import RunFolder, clip_path, digest_of
from dave_jax.files import write_atomically
from dave_jax.media.audio import SAMPLE_RATE
from dave_jax.media.overlay import OverlayWriter
from dave_jax.media.video import VideoInfo
from dave_jax.pages.pieces import in_8_bit


@dataclasses.dataclass(frozen=True)
class KeptClip:
  """The maps of a clip's scored frames.

  Attributes:
    maps: uint8 [n, h, w], each as its share of its peak; zeros where a map is
      missing.
    density: uint8 [n, h, w], the density of human fixations, alike.
    fixation_xy: float32 [f, 2], fixations in pixels of the original.
    fixation_place: int32 [f], which of the n frames each belongs to.
    start: Second of the first frame of the video.
  """

  maps: np.ndarray
  density: np.ndarray
  fixation_xy: np.ndarray
  fixation_place: np.ndarray
  start: float


class ClipKeeper:
  """Writes kept clips while they are scored."""

  def __init__(self, folder: RunFolder, truth: GroundTruth):
    """Takes the folder of an evaluation, and what is scored."""
    self._folder = folder
    self._truth = truth

  def has(self, number: int) -> bool:
    """Returns whether a clip is kept already."""
    name = self._truth.clips[number].name
    folder = self._folder
    return read_clip(folder.folder, name, folder.heading) is not None

  def write(
    self, number: int, maps: list[np.ndarray | None], density: list[np.ndarray]
  ) -> None:
    """Keeps a clip.

    Args:
      number: Its number in the ground truth.
      maps: Maps [h, w] of its scored frames, not negative; None if missing.
      density: Densities of fixations [h, w] of the same frames.
    """
    truth, clip = self._truth, self._truth.clips[number]
    gazes = [truth.gaze(row).xy for row in truth.rows(number).tolist()]
    video = clip_path(self._folder.folder, clip.name, 'mp4')
    start = write_clip_video(video, truth, clip)
    blank = np.zeros(density[0].shape if density else (1, 1), np.uint8)
    path = clip_path(self._folder.folder, clip.name, 'npz')
    with write_atomically(path) as partial:
      np.savez_compressed(
        partial,
        run=digest_of(self._folder.heading),
        maps=_stacked(
          [blank if m is None else in_8_bit(m) for m in maps], blank
        ),
        density=_stacked([in_8_bit(m) for m in density], blank),
        fixation_xy=np.concatenate([np.zeros((0, 2), np.float32), *gazes]),
        fixation_place=np.repeat(
          np.arange(len(gazes), dtype=np.int32), [len(xy) for xy in gazes]
        ),
        start=start,
      )


def read_clip(
  folder: pathlib.Path, clip: str, heading: dict
) -> KeptClip | None:
  """Reads a kept clip of an evaluation; None if it was not kept.

  Args:
    folder: Folder of the evaluation.
    clip: Name of the clip.
    heading: What was evaluated and how; a clip of another heading is not read.

  Raises:
    ValueError: The file is damaged.
  """
  path = clip_path(folder, clip, 'npz')
  if not path.exists():
    return None
  try:
    with np.load(path, allow_pickle=False) as arrays:
      if arrays['run'] != digest_of(heading):
        return None
      fields = {
        f.name: arrays[f.name]
        for f in dataclasses.fields(KeptClip)
        if f.name != 'start'
      }
      return KeptClip(**fields, start=float(arrays['start']))
  except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
    raise ValueError(
      f'{path}: expected the maps of a clip, got {error}; delete the file and '
      'evaluate again'
    ) from error


def write_clip_video(
  path: pathlib.Path, truth: GroundTruth, clip: Clip
) -> float:
  """Writes a clip of a data set as MP4 with its sound; returns its start.

  The frames have the size that the data set stores, which may not have the
  proportions of the original.

  Args:
    path: The file, NAME.mp4.
    truth: The split that holds the clip.
    clip: The clip.

  Returns:
    Second of the first frame on the clock of the clip.
  """
  start = None
  with tempfile.TemporaryDirectory() as folder:
    sound = pathlib.Path(folder) / 'sound.wav'
    sound_start = _write_sound(sound, truth, clip)
    info = VideoInfo(
      path=str(path),
      width=clip.width,
      height=clip.height,
      rate=clip.rate or 1.0,
      duration=None,
      frames=clip.frames,
      start_time=0.0,
      codec='mjpeg',
      rotation=0,
      video_stream=0,
      sound_path=None if sound_start is None else str(sound),
      audio_stream=None if sound_start is None else 0,
    )
    with OverlayWriter(path, info, sound_start=sound_start or 0.0) as writer:
      for record in truth.records(clip):
        times = record['times'].tolist()
        for data, time in zip(record['frames'], times, strict=True):
          start = time if start is None else start
          picture = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB
          )
          writer.write(picture, time)
  return start


def _stacked(maps, blank):
  """Returns maps [n, h, w]; n may be 0."""
  return np.stack([blank, *maps])[1:]


def _write_sound(path, truth, clip) -> float | None:
  """Writes the sound of a clip as WAV; returns the second it begins at."""
  if not clip.has_sound:
    return None
  pieces, first = [], None
  for record in truth.records(clip):
    begin = int(record['waveform_start'])
    first = begin if first is None else first
    # Records overlap by their margins.
    known = first + sum(map(len, pieces))
    pieces.append(record['waveform'][max(0, known - begin) :])
  samples = np.rint(np.clip(np.concatenate(pieces), -1, 1) * 32767)
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(SAMPLE_RATE)
    file.writeframes(samples.astype('<i2').tobytes())
  return first / SAMPLE_RATE
