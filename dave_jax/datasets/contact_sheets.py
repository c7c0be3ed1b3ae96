"""Draws fixations and density on the frames of records."""

import pathlib
from collections.abc import Sequence

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageDraw, ImageFont

from dave_jax import fonts
from dave_jax.datasets.density import record_density
from dave_jax.datasets.schema import POOLED, Clip
from dave_jax.datasets.store import Dataset
from dave_jax.media import overlay
from dave_jax.media.write_video import write_video

_HEIGHT = 256  # Pixels of a picture.
_CAPTION = 18  # Pixels.
_LETTERS = 12  # Pixels.
_MANY = 60  # From this number of fixations on, small rings are drawn.
_POOLED_COLOUR = (255, 255, 255)


def marked_frame(record: dict, place: int) -> np.ndarray:
  """Returns a frame with its density and a ring for each fixation.

  Each viewer has a colour; white marks fixations without a viewer.

  Returns:
    uint8 [256, w, 3] with the aspect ratio of the original.
  """
  frame = simplejpeg.decode_jpeg(record['frames'][place], 'RGB')
  scale = _HEIGHT / record['height']
  width = max(2, round(record['width'] * scale))
  image = cv2.resize(frame, (width, _HEIGHT), interpolation=cv2.INTER_AREA)
  density = record_density(record, place, (_HEIGHT // 4, max(2, width // 4)))
  if density is not None:
    image = overlay.draw(image, density)
  rows = record['fixation_frame'] == place
  radius = 5 if rows.sum() < _MANY else 2
  for (x, y), viewer in zip(
    record['fixation_xy'][rows], record['fixation_viewer'][rows], strict=True
  ):
    # OpenCV's pixel centres are at whole numbers.
    centre = round(float(x) * scale - 0.5), round(float(y) * scale - 0.5)
    cv2.circle(image, centre, radius, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.circle(image, centre, radius, viewer_colour(viewer), 2, cv2.LINE_AA)
  for box in record['sounding_box'][record['sounding_frame'] == place]:
    left, top, right, bottom = np.rint(box * scale).astype(int).tolist()
    cv2.rectangle(image, (left, top), (right, bottom), (0, 255, 0), 2)
  return image


def viewer_colour(viewer: int) -> tuple[int, int, int]:
  """Returns red, green, blue; consecutive viewers get distinct colours."""
  if viewer == POOLED:
    return _POOLED_COLOUR
  hue = int(viewer * 67 % 180)
  colour = cv2.cvtColor(np.uint8([[[hue, 230, 255]]]), cv2.COLOR_HSV2RGB)
  return tuple(colour[0, 0].tolist())


def contact_sheet(
  dataset: Dataset, split: str, *, rows: int, columns: int, seed: int
) -> np.ndarray:
  """Returns frames of randomly chosen clips, uint8 [h, w, 3].

  A row shows fixated frames of one clip, evenly spread; still images share
  rows.
  """
  rng = np.random.default_rng(seed)
  clips, records = dataset.clips(split), dataset.records(split)
  order = [clips[number] for number in rng.permutation(len(clips))]
  stills = [clip for clip in order if clip.frames == 1][: rows * columns]
  lines = [
    [(clip, 0) for clip in stills[first : first + columns]]
    for first in range(0, len(stills), columns)
  ]
  for clip in (clip for clip in order if clip.frames > 1):
    frames = clip.fixated_frames()
    if not frames.size:
      frames = np.arange(clip.frames)
    chosen = np.linspace(0, frames.size - 1, columns).round().astype(int)
    lines.append([(clip, int(frames[number])) for number in chosen])
  other = unreadable_names(clips)
  return _pasted(
    [
      [
        _captioned(records, clip, other.get(clip.name, clip.name), frame)
        for clip, frame in line
      ]
      for line in lines[:rows]
    ]
  )


def unreadable_names(clips: Sequence[Clip]) -> dict[str, str]:
  """Returns {name: how sheets call it} of names that no font can draw."""
  return {
    clip.name: f'clip {number}'
    for number, clip in enumerate(clips, 1)
    if fonts.path_for(clip.name) is None
  }


def _captioned(records, clip, name, frame):
  number, place = clip.record_of(frame)
  record = records[number]
  image = marked_frame(record, place)
  fixations = int((record['fixation_frame'] == place).sum())
  strip = Image.new('RGB', (image.shape[1], _CAPTION), 'white')
  font = ImageFont.truetype(fonts.path_for(name), _LETTERS)
  text = f'{name} {frame}: {fixations}'
  ImageDraw.Draw(strip).text((2, 1), text, 'black', font)
  return np.concatenate([np.asarray(strip), image])


def _pasted(lines):
  """Returns one picture of rows of pictures, which all have one height."""
  gap = 4
  height = _HEIGHT + _CAPTION
  width = max(sum(i.shape[1] + gap for i in line) for line in lines)
  sheet = np.full((len(lines) * (height + gap), width, 3), 255, np.uint8)
  for row, line in enumerate(lines):
    left, top = 0, row * (height + gap)
    for image in line:
      h, w, _ = image.shape
      sheet[top : top + h, left : left + w] = image
      left += w + gap
  return sheet


def write_clip(
  path: pathlib.Path,
  records: Sequence[dict],
  clip: Clip,
  *,
  seconds: float,
) -> None:
  """Writes the middle of a clip as an MP4 with sound.

  Args:
    path: The file to write.
    records: Records of the split.
    clip: A clip of more than one frame.
    seconds: Length of the excerpt.
  """
  frames = min(clip.frames, max(1, round(seconds * clip.rate)))
  first = (clip.frames - frames) // 2
  begin, _ = clip.record_of(first)
  end, _ = clip.record_of(first + frames - 1)
  chunks = [records[number] for number in range(begin, end + 1)]
  write_video(
    path,
    (
      (marked_frame(record, place), time)
      for record in chunks
      for place, time in enumerate(record['times'])
      if first <= record['first_frame'] + place < first + frames
    ),
    rate=clip.rate,
    waveform=_joined_sound(chunks),
  )


def _joined_sound(chunks):
  """Returns the sound of chunks on their time axis; None without sound."""
  ends = [c['waveform_start'] + len(c['waveform']) for c in chunks]
  if not any(len(chunk['waveform']) for chunk in chunks):
    return None
  waveform = np.zeros(max(ends), np.float32)
  for chunk, end in zip(chunks, ends, strict=True):
    waveform[chunk['waveform_start'] : end] = chunk['waveform']
  return waveform
