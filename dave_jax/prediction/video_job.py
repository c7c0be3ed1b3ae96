"""One video predicted into a folder: maps, overlay and manifest."""

import os
import pathlib
import shutil
from importlib import metadata

from tqdm import tqdm

import dave_jax
from dave_jax.media.audio import load_log_mel
from dave_jax.media.overlay import OverlayWriter, draw
from dave_jax.media.source import open_source
from dave_jax.prediction.journal import Journal
from dave_jax.prediction.maps import MapFiles
from dave_jax.prediction.options import Settings
from dave_jax.prediction.saliency_model import LEAD, SaliencyModel
from dave_jax.weights.model_folder import network_fields

FORMAT = 'dave-jax prediction 1'
_LIBRARIES = ('jax', 'jaxlib', 'flax', 'av', 'soxr', 'numpy')


class Job:
  """A video, a model, and the folder that its results go to."""

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
      video: A file that FFmpeg reads, or a folder of frames and a WAV.
      folder: Where `maps/`, `overlay.mp4` and `manifest.json` are written.
      settings: What to write, and how.
    """
    self.model = model
    self.video = os.fspath(video)
    self.folder = pathlib.Path(folder)
    self.settings = settings

  def run(
    self, *, batch_size: int, overwrite: bool, resume: bool, progress: tqdm
  ) -> list[str]:
    """Writes the results; returns what was wrong with the video.

    Args:
      batch_size: Windows computed at a time.
      overwrite: Removes earlier results in the folder.
      resume: Goes on with unfinished ones; finished ones stay as they are.
      progress: Advances by a step for each frame.

    Raises:
      ValueError, OSError: The video cannot be read, or the folder holds other
        results; what was computed before stays.
    """
    with self._open(size=self.model.frame_size, lead=LEAD) as reader:
      journal = Journal(self.folder, self._heading(reader.info))
      if not journal.open(overwrite=overwrite, resume=resume):
        return []
      files = self._map_files(reader.info)
      try:
        sound = self._sound(reader) if self.model.uses_audio else None
        self._predict(reader, sound, files, journal, batch_size, progress)
        problems = [*reader.problems, *(sound.problems if sound else [])]
        if self.model.uses_audio and sound is None:
          problems.append('sound: there is none; silence was heard')
        if not journal.rows:
          raise ValueError(f'{self.video}: no frame between start and end')
        if 'overlay' in self.settings.formats:
          self._draw(files, journal, progress)
        if self.settings.map_format is None:
          shutil.rmtree(files.folder)
        journal.finish(
          problems=problems,
          counts=reader.counts | (sound.counts if sound else {}),
          versions=_versions(),
        )
      finally:
        journal.close()
    return problems

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

  def _sound(self, reader):
    if self.settings.audio_stream is not None:
      return load_log_mel(reader.info.sound_path, self.settings.audio_stream)
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
    model = {
      'network': network_fields(self.model.module),
      'origin': self.model.origin,
      'fingerprint': self.model.fingerprint,
    }
    settings = vars(self.settings)
    return {
      'format': FORMAT,
      'source': source,
      'model': model,
      'settings': settings,
    }

  def _map_files(self, info) -> MapFiles:
    size = None
    if self.settings.size == 'video':
      size = info.height, info.width
    # An overlay alone is drawn from maps that do not stay.
    return MapFiles(
      self.folder / 'maps',
      self.settings.map_format or 'png',
      self.settings.values,
      size,
    )

  def _predict(self, reader, sound, files, journal, batch_size, progress):
    stride = self.settings.stride
    if reader.info.frames:
      progress.reset(-(-reader.info.frames // stride))
    progress.update(len(journal.rows))
    for prediction in self.model.predict_frames(
      reader,
      sound,
      rate=reader.info.rate,
      stride=stride,
      start=self.settings.start,
      batch_size=batch_size,
      alignment=self.settings.alignment,
      done={frame - 1 for frame in journal.rows},
    ):
      frame = prediction.frame
      row = {'frame': frame.index + 1, 'time': round(frame.time, 6)}
      journal.add(row | files.write(frame.index, prediction.saliency))
      progress.update()

  def _draw(self, files, journal, progress):
    """Writes the overlay video; a frame without a map keeps the last one."""
    progress.set_description(f'{pathlib.Path(self.video).name}, overlay')
    with self._open(size=None, lead=0) as reader:
      progress.reset(reader.info.frames)
      saliency = None
      with OverlayWriter(
        self.folder / 'overlay.mp4',
        reader.info,
        audio_stream=self.settings.audio_stream,
      ) as overlay:
        for frame in reader:
          if frame.index + 1 in journal.rows:
            saliency = files.read(frame.index)
          if saliency is not None:
            overlay.write(draw(frame.image, saliency), frame.time)
          progress.update()


def _versions() -> dict[str, str]:
  libraries = {name: metadata.version(name) for name in _LIBRARIES}
  return {'dave_jax': dave_jax.__version__, **libraries}
