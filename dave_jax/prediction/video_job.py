"""One video predicted into a folder: maps, drawings and a manifest."""

import dataclasses
import json
import os
import pathlib
from importlib import metadata

from tqdm import tqdm

import dave_jax
from dave_jax.media.areas import areas_of
from dave_jax.media.audio import load_log_mel
from dave_jax.media.source import open_source
from dave_jax.prediction import maps
from dave_jax.prediction.drawings import GazePoints
from dave_jax.prediction.journal import (
  MANIFEST,
  MAP_LOG,
  SILENT_LOG,
  Journal,
)
from dave_jax.prediction.map_log import MapLog
from dave_jax.prediction.results import Results
from dave_jax.prediction.saliency_model import LEAD, SaliencyModel
from dave_jax.prediction.settings import VIDEO_BITS, Settings
from dave_jax.weights.model_folder import network_fields

FORMAT = 'dave-jax prediction 2'
_LIBRARIES = ('jax', 'jaxlib', 'flax', 'av', 'soxr', 'numpy')


class Job:
  """A video, a model, and the folder of the results."""

  def __init__(
    self,
    model: SaliencyModel,
    video: str | os.PathLike,
    folder: str | os.PathLike,
    settings: Settings,
  ):
    """Takes what the results depend on.

    Args:
      model: The network with its weights.
      video: A file that FFmpeg reads, an image, or a folder of images.
      folder: Where maps, drawings and `manifest.json` are written.
      settings: What to write, and how.
    """
    self.model = model
    self.video = os.fspath(video)
    self.folder = pathlib.Path(folder)
    self.settings = settings

  def run(
    self, *, batch_size: int, overwrite: bool, resume: bool, progress: tqdm
  ) -> list[str]:
    """Writes the results; returns the problems with the video.

    Args:
      batch_size: Windows per batch.
      overwrite: Removes earlier results in the folder.
      resume: Continues unfinished results; finished ones are left unchanged.
      progress: Advances by one for each frame.

    Raises:
      ValueError, OSError: The video cannot be read, or the folder holds other
        results; what was computed before stays. Or a drawing failed; maps and
        manifest are complete.
    """
    with self._open(size=self.model.frame_size, lead=LEAD) as reader:
      gaze, areas, notes = self._check(reader.info)
      journal = Journal(self.folder, self._heading(reader.info))
      if not journal.open(overwrite=overwrite, resume=resume):
        return []
      files = maps.MapFiles(self.folder, self.settings.map_format or 'png')
      h, w = self.model.frame_size
      log, silent_log = (
        MapLog(self.folder / name, (h // 8, w // 8))
        for name in (MAP_LOG, SILENT_LOG)
      )
      try:
        log.open(len(journal.rows))
        sound = self._sound(reader)
        self._predict(reader, sound, files, journal, log, batch_size, progress)
        problems = [
          *reader.problems,
          *(sound.problems if sound else []),
          *notes,
        ]
        if self.model.uses_audio and sound is None:
          problems.append(
            'sound: --sound=none, using silence'
            if self.settings.sound == 'none'
            else 'No audio track: using silence.'
          )
        if not journal.rows:
          raise ValueError(
            f'{self.video}: no frame between --start={self.settings.start:g} '
            f'and --end={self.settings.end}; the video lasts from '
            f'{reader.info.start_time:g} s for {reader.info.duration} s'
          )
        problems += [f'gaze: {note}' for note in gaze.notes] if gaze else []
        silent = None
        if self.settings.compare_sound and sound is None:
          problems.append('compare_sound: the video has no sound to compare')
        elif self.settings.compare_sound:
          self._predict_silent(
            reader, journal, silent_log, batch_size, progress
          )
          silent = silent_log.read()
        results = Results(
          video=self.video,
          folder=self.folder,
          settings=self.settings,
          info=reader.info,
          open=lambda: self._open(size=None, lead=0),
          files=files,
          rows=[journal.rows[frame] for frame in sorted(journal.rows)],
          gaze=gaze,
          areas=areas,
          progress=progress,
        )
        found, failures = results.write(
          log.read(),
          silent=silent,
          sound=sound,
          model=f'the network {self.model.fingerprint[:8]}',
          problems=problems,
        )
        problems += [*found, *failures]
        journal.finish(
          problems=problems,
          counts=reader.counts | (sound.counts if sound else {}),
          versions=_versions(),
        )
        log.remove()
        silent_log.remove()
      except BaseException:
        journal.close()
        log.close()
        silent_log.close()
        if not journal.rows and not resume:
          # A mistyped --start leaves nothing that blocks the right one.
          journal.discard()
        raise
    if failures:
      raise ValueError(
        f'{self.video}: {"; ".join(failures)}; the maps and manifest.json are '
        'complete'
      )
    return problems

  def is_finished(self) -> bool:
    """Returns whether the folder has the results, by the name of the video.

    The video is not read; `run` also compares its size and duration.
    """
    try:
      manifest = json.loads((self.folder / MANIFEST).read_text())
      name = manifest['source']['file']
    except (OSError, ValueError, KeyError, TypeError):
      return False
    expected = json.loads(json.dumps(self._request()))
    return (
      manifest.get('format') == FORMAT
      and name == pathlib.Path(self.video).name
      and all(manifest.get(key) == value for key, value in expected.items())
    )

  def _open(self, *, size, lead):
    return open_source(
      self.video,
      size=size,
      start=self.settings.start,
      end=self.settings.end,
      lead=lead,
      stream=self.settings.video_stream,
      rate=self.settings.rate,
    )

  def _check(self, info):
    """Refuses what would fail after all maps are computed.

    Returns:
      The gaze, or None; the areas of interest of the video; and notes on them.
    """
    if self.settings.compare_sound and not self.model.uses_audio:
      raise ValueError(
        'compare_sound: expected a network that hears, got a video-only one'
      )
    if self.settings.map_format == 'mat' and self.settings.end is None:
      size = self._map_size(info) or self.model.frame_size
      count = (info.frames or 1) // self.settings.stride
      if self.settings.fps is not None and info.duration is not None:
        count = round(info.duration * self.settings.fps)
      maps.check_mat_size((count, *size))
    if self.settings.map_format in VIDEO_BITS and self.folder.name in (
      'overlay',
      'video',
    ):
      raise ValueError(
        f'{self.folder}: the video of maps would have the name of another '
        'result; rename the video, or use --format=png'
      )
    gaze = self.settings.gaze
    return (
      None if gaze is None else GazePoints(gaze, self.video, info),
      *areas_of(self.video, self.settings.areas),
    )

  def _sound(self, reader):
    settings = self.settings
    if settings.sound == 'none':
      return None
    if settings.sound != 'own':
      sound = load_log_mel(settings.sound, settings.audio_stream)
      if sound is None:
        raise ValueError(f'{settings.sound}: has no sound that can be decoded')
      # The file begins with the first frame.
      start = sound.start_time + reader.info.start_time
      return dataclasses.replace(sound, start_time=start)
    if settings.audio_stream is not None and reader.info.sound_path:
      return load_log_mel(reader.info.sound_path, settings.audio_stream)
    return reader.sound()

  def _heading(self, info) -> dict:
    """Returns what equal results have in common."""
    path = pathlib.Path(self.video)
    source = {
      'file': path.name,
      'bytes': path.stat().st_size if path.is_file() else None,
      'width': info.width,
      'height': info.height,
      'rate': info.rate,
      'duration': info.duration,
      'codec': info.codec,
      'video_stream': info.video_stream,
      'audio_stream': info.audio_stream,
    }
    return {'format': FORMAT, 'source': source, **self._request()}

  def _request(self):
    """Returns the part of the heading that does not depend on the video."""
    model = {
      'network': network_fields(self.model.module),
      'origin': self.model.origin,
      'fingerprint': self.model.fingerprint,
    }
    return {'model': model, 'settings': dataclasses.asdict(self.settings)}

  def _map_size(self, info):
    """Returns the size of the maps; None keeps the network's."""
    return (info.height, info.width) if self.settings.size == 'video' else None

  def _predict(self, reader, sound, files, journal, log, batch_size, progress):
    settings = self.settings
    if reader.info.frames and settings.fps is None:
      progress.reset(-(-reader.info.frames // settings.stride))
    progress.update(len(journal.rows))
    for prediction in self._predictions(
      reader, sound, batch_size, done=journal.rows
    ):
      frame = prediction.frame
      row = {'frame': frame.index + 1, 'time': round(frame.time, 6)}
      saliency = maps.finish_map(
        prediction.saliency,
        size=self._map_size(reader.info),
        values=settings.values,
      )
      written = files.write(frame.index, saliency)
      log.append(prediction.saliency)
      journal.add(row | written)
      progress.update()

  def _predict_silent(self, reader, journal, log, batch_size, progress):
    """Predicts the same frames as if there were no sound."""
    frames = list(journal.rows)
    log.open(len(log))
    progress.set_description(f'{pathlib.Path(self.video).name}, no sound')
    progress.reset(len(frames))
    progress.update(len(log))
    for prediction in self._predictions(
      reader, None, batch_size, done=frames[: len(log)]
    ):
      log.append(prediction.saliency)
      progress.update()

  def _predictions(self, reader, sound, batch_size, *, done):
    """Yields the predictions of frames, without those whose number is done."""
    settings = self.settings
    return self.model.predict_frames(
      reader,
      sound,
      rate=reader.info.rate,
      stride=settings.stride,
      fps=settings.fps,
      start=settings.start,
      batch_size=batch_size,
      alignment=settings.alignment,
      done={frame - 1 for frame in done},
    )


def _versions() -> dict[str, str]:
  libraries = {name: metadata.version(name) for name in _LIBRARIES}
  return {'dave_jax': dave_jax.__version__, **libraries}
