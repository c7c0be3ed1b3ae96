"""Building a data set in parallel, so that it can be interrupted."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import multiprocessing
import pathlib
import shutil
import signal
from collections.abc import Sequence

import av
from tqdm import tqdm

from dave_jax.datasets import build_report as report_lib
from dave_jax.datasets import schema
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.records import Storage, read_clip
from dave_jax.datasets.shards import assemble, write_shard
from dave_jax.datasets.source import Source, SourceClip, SyntheticSource
from dave_jax.files import remove_partial_files, write_json

# A unit is what one process builds at a time, and what is kept when it stops.
_STILLS_PER_UNIT = 128


class IncompleteError(ValueError):
  """Clips of a source are missing or cannot be read.

  Attributes:
    problems: All of them.
  """

  def __init__(self, summary: str, problems: Sequence[str]):
    self.problems = tuple(problems)
    super().__init__('\n'.join([summary, *(f'  {p}' for p in problems)]))


@dataclasses.dataclass(frozen=True)
class Unit:
  """Clips that are built together: one video, or some still images."""

  clips: tuple[SourceClip, ...]

  @property
  def split(self) -> str:
    return self.clips[0].split

  def key(self, config: Config) -> str:
    """Returns a digest that changes with the settings and the files."""
    paths = [
      path
      for clip in self.clips
      for path in (clip.picture, clip.sound, clip.gaze, clip.density)
      if path is not None and path.exists()
    ]
    states = [(p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
    clips = [dataclasses.asdict(clip) for clip in self.clips]
    content = [config.settings(), clips, states]
    text = json.dumps(content, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def build(
  builder: SaliencyBuilder,
  root: pathlib.Path | None,
  *,
  processes: int = 1,
  partial: bool = False,
) -> dict:
  """Builds a data set and returns its report.

  What is done is kept in a folder VERSION.building; the set appears under its
  name only once it is whole. Interrupted, the same call goes on.

  Args:
    builder: Says what to build, how, and where to.
    root: The folder of downloads; None for a set that is made up.
    processes: How many clips are read at a time; 1 starts no processes.
    partial: Leaves out what is missing or cannot be read.

  Raises:
    IncompleteError: Something is missing or cannot be read; all is listed.
    FileExistsError: It is built already.
    OSError: Nothing can be written, such as on a full disk; or another process
      builds the set.
  """
  folder = pathlib.Path(builder.data_dir)
  if folder.exists():
    raise FileExistsError(
      f'{folder} is built already; delete it to build it again'
    )
  config = builder.builder_config
  clips, problems = find(config.source, root)
  if problems and not partial:
    raise IncompleteError(
      f'{root}: {len(problems)} things are missing or odd; mend them, or give '
      f'--partial to build the {len(clips)} clips that are there:',
      problems,
    )
  if not clips:
    raise IncompleteError(f'{root}: holds no clips:', problems)
  staging = folder.with_name(f'{folder.name}.building')
  staging.mkdir(parents=True, exist_ok=True)
  with _alone(staging):
    units = {unit.key(config): unit for unit in _units(clips)}
    _build_units(units, config, staging, processes)
    results = {key: _result(staging / f'{key}.json') for key in units}
    skipped = [s for result in results.values() for s in result['skipped']]
    if skipped and not partial:
      raise IncompleteError(
        f'{len(skipped)} clips cannot be read; mend them and run this again, '
        'which goes on from here, or give --partial to leave them out:',
        [f'{s["name"]}: {s["reason"]}' for s in skipped],
      )
    report = report_lib.report(
      builder.info.full_name, results.values(), problems
    )
    if not report['clips']:
      raise IncompleteError(
        'not one clip could be read:',
        [f'{s["name"]}: {s["reason"]}' for s in skipped],
      )
    whole = staging / 'whole'
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    splits = {key: (unit.split, results[key]) for key, unit in units.items()}
    assemble(builder, splits, staging, whole)
    report_lib.write(report, whole)
    whole.rename(folder)
  shutil.rmtree(staging)
  return report


@contextlib.contextmanager
def _alone(staging):
  """Holds a lock that is free again when this process ends, however it does."""
  with (staging / 'lock').open('w') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise BlockingIOError(
        f'{staging}: another process builds this set; wait for it, or stop it'
      ) from error
    yield


def find(
  source: Source, root: pathlib.Path | None
) -> tuple[list[SourceClip], list[str]]:
  """Returns the clips of a source, and all that is missing or odd.

  Raises:
    FileNotFoundError: There is no such folder.
  """
  made = isinstance(source, SyntheticSource)
  if not made and (root is None or not root.is_dir()):
    raise FileNotFoundError(f'{root}: no such folder; give --source')
  clips, problems = source.find(root)
  seen, clips_once, problems = set(), [], list(problems)
  for clip in clips:
    if clip.name in seen:
      problems.append(f'{clip.picture}: a second clip named {clip.name}')
    else:
      clips_once.append(clip)
    seen.add(clip.name)
  return clips_once, problems


def _units(clips) -> list[Unit]:
  units, stills = [], {}
  for clip in clips:
    if not clip.still:
      units.append(Unit((clip,)))
      continue
    waiting = stills.setdefault(clip.split, [])
    waiting.append(clip)
    if len(waiting) == _STILLS_PER_UNIT:
      units.append(Unit(tuple(stills.pop(clip.split))))
  return units + [Unit(tuple(waiting)) for waiting in stills.values()]


def _build_units(units, config, staging, processes):
  """Builds the units that are not there yet."""
  remove_partial_files(staging)
  done = {
    key
    for key in units
    if (staging / f'{key}.json').exists()
    and not _result(staging / f'{key}.json')['skipped']
  }
  todo = {key: unit for key, unit in units.items() if key not in done}
  make = functools.partial(
    build_unit, source=config.source, storage=config.storage, staging=staging
  )
  clips = {key: len(unit.clips) for key, unit in units.items()}
  with tqdm(
    total=sum(clips.values()),
    initial=sum(clips[key] for key in done),
    unit='clip',
    desc='building',
  ) as progress:
    if processes <= 1:
      for key, unit in todo.items():
        make(key, unit)
        progress.update(clips[key])
      return
    pool = concurrent.futures.ProcessPoolExecutor(
      processes,
      # A fork of a process with threads (there are TFDS's) may hang.
      mp_context=multiprocessing.get_context('spawn'),
      initializer=signal.signal,
      initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    with pool:
      futures = {
        pool.submit(make, key, unit): key for key, unit in todo.items()
      }
      try:
        for future in concurrent.futures.as_completed(futures):
          _outcome(future)
          progress.update(clips[futures[future]])
      except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
          process.terminate()
        raise


def _outcome(future):
  try:
    future.result()
  except concurrent.futures.process.BrokenProcessPool as error:
    raise OSError(
      'a process that read a clip was killed, as systems do when memory is '
      'short; run this again with fewer --processes, which goes on from here'
    ) from error


def build_unit(
  key: str,
  unit: Unit,
  *,
  source: Source,
  storage: Storage,
  staging: pathlib.Path,
) -> None:
  """Writes KEY.array_record and, once that is whole, KEY.json beside it.

  A clip that cannot be read is left out and said in the latter.

  Raises:
    OSError: Something cannot be written.
  """
  path = staging / f'{key}.array_record'
  features = _features()
  result = {'records': 0, 'bytes': 0, 'clips': [], 'skipped': []}
  with write_shard(path) as shard:
    for clip in unit.clips:
      try:
        content = read_clip(clip, source, storage)
      except (ValueError, OSError, av.error.FFmpegError) as error:
        result['skipped'].append({'name': clip.name, 'reason': str(error)})
        continue
      entry = dataclasses.replace(content.entry, first_record=shard.records)
      result['clips'].append(
        {
          'entry': dataclasses.asdict(entry),
          'counts': content.counts,
          'notes': content.notes,
        }
      )
      for record in content.records():
        shard.write(features.serialize_example(record))
  result |= {'records': shard.records, 'bytes': shard.bytes}
  write_json(staging / f'{key}.json', result)


@functools.cache
def _features():
  return schema.features()


def _result(path) -> dict:
  return json.loads(path.read_text())
