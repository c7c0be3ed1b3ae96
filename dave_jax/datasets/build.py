"""Builds a data set in parallel; resumes after an interruption."""

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
from dave_jax.interrupts import interrupts_blocked

# Still images in one unit, which is built by one process and kept if the build
# is interrupted.
_STILLS_PER_UNIT = 128
# What a finished set was built from.
_RECIPE = 'recipe.json'


class IncompleteError(ValueError):
  """Clips of a source are missing or cannot be read.

  Attributes:
    problems: A message for each problem.
  """

  def __init__(self, summary: str, problems: Sequence[str]):
    self.problems = tuple(problems)
    super().__init__('\n'.join([summary, *(f'  {p}' for p in problems)]))


@dataclasses.dataclass(frozen=True)
class Unit:
  """Clips that are built together: one video, or several still images."""

  clips: tuple[SourceClip, ...]

  @property
  def split(self) -> str:
    return self.clips[0].split

  def key(self, config: Config) -> str:
    """Returns a digest of the settings and of the state of the files."""
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
  overwrite: bool = False,
) -> dict:
  """Builds a data set and returns its report.

  Finished units are kept in a folder VERSION.building, and the set appears
  under its name only when it is complete. After an interruption, the same call
  resumes. A complete set is built again if files of its source have changed,
  and left as it is otherwise.

  Args:
    builder: What to build, how, and where.
    root: The folder of downloads; None for a synthetic set.
    processes: Number of clips to read in parallel; 1 starts no processes.
    partial: Leaves out clips that are missing or cannot be read.
    overwrite: Replaces the set if it exists, whatever it was built from, once
      the new one is complete.

  Raises:
    IncompleteError: Clips are missing or cannot be read; lists all of them.
    FileExistsError: The set exists, built from another folder or with other
      settings.
    OSError: Writing fails, for example on a full disk; or another process is
      building the set.
  """
  folder = pathlib.Path(builder.data_dir)
  config = builder.builder_config
  recipe = _json({'folder': root and root.resolve(), **config.settings()})
  earlier = _read_recipe(folder)
  if (
    folder.exists() and not overwrite and not recipe.items() <= earlier.items()
  ):
    raise FileExistsError(
      f'{folder} exists, built from another folder or with other settings; '
      'give --overwrite to replace it, or --name to build another set beside it'
    )
  clips, problems = find(config.source, root)
  if problems and not partial:
    raise IncompleteError(
      f'{root}: {_count(len(problems), "problem")} found; fix '
      f'{"it" if len(problems) == 1 else "them"}, or give --partial to build '
      f'the {_count(len(clips), "clip")} that are complete:',
      problems,
    )
  if not clips:
    raise IncompleteError(f'{root}: no clips found:', problems)
  units = {unit.key(config): unit for unit in _units(clips)}
  recipe |= {'units': sorted(units), 'partial': partial}
  if folder.exists() and not overwrite:
    if earlier == recipe:
      print(
        f'{folder} is up to date: no file of {root} has changed since; give '
        '--overwrite to build it again'
      )
      return json.loads((folder / report_lib.JSON).read_text())
    print(f'{folder}: files have changed since it was built; building it again')
  staging = folder.with_name(f'{folder.name}.building')
  staging.mkdir(parents=True, exist_ok=True)
  with _lock(staging):
    _build_units(units, config, staging, processes)
    results = {key: _result(staging / f'{key}.json') for key in units}
    skipped = [s for result in results.values() for s in result['skipped']]
    if skipped and not partial:
      raise IncompleteError(
        f'{_count(len(skipped), "clip")} cannot be used; fix the files and run '
        'the same command to resume, or give --partial to leave the clips out:',
        [f'{s["name"]}: {s["reason"]}' for s in skipped],
      )
    report = report_lib.report(
      builder.info.full_name, results.values(), problems
    )
    if not report['clips']:
      raise IncompleteError(
        'no clip can be used:',
        [f'{s["name"]}: {s["reason"]}' for s in skipped],
      )
    complete = staging / 'complete'
    shutil.rmtree(complete, ignore_errors=True)
    complete.mkdir()
    splits = {key: (unit.split, results[key]) for key, unit in units.items()}
    assemble(builder, splits, staging, complete)
    report_lib.write(report, complete)
    write_json(complete / _RECIPE, recipe)
    if folder.exists():
      shutil.rmtree(folder)
    complete.rename(folder)
  shutil.rmtree(staging)
  return report


@contextlib.contextmanager
def _lock(staging):
  """Holds a lock that the system releases when this process ends."""
  with (staging / 'lock').open('w') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise BlockingIOError(
        f'{staging}: another process is building this set; wait for it to end'
      ) from error
    yield


def find(
  source: Source, root: pathlib.Path | None
) -> tuple[list[SourceClip], list[str]]:
  """Returns the clips of a source, and a message for each problem.

  Raises:
    FileNotFoundError: There is no such folder.
  """
  synthetic = isinstance(source, SyntheticSource)
  if not synthetic and (root is None or not root.is_dir()):
    raise FileNotFoundError(f'{root}: no such folder; give --source=FOLDER')
  clips, problems = source.find(root)
  unique: dict[str, SourceClip] = {}
  problems = list(problems)
  for clip in clips:
    if any('\ud800' <= letter <= '\udfff' for letter in clip.name):
      problems.append(
        f'{str(clip.picture)!a}: the name is not UTF-8; rename the file'
      )
    elif unique.setdefault(clip.name, clip) is not clip:
      problems.append(f'{clip.picture}: a second clip named {clip.name}')
  return list(unique.values()), problems


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
  """Builds the units that are not finished yet."""
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
      # Forking a process with threads, as TFDS starts them, may hang.
      mp_context=multiprocessing.get_context('spawn'),
    )
    with pool:
      try:
        with interrupts_blocked():  # Processes start when work is submitted.
          futures = {
            pool.submit(make, key, unit): key for key, unit in todo.items()
          }
        for future in concurrent.futures.as_completed(futures):
          _check(future)
          progress.update(clips[futures[future]])
      except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
          process.terminate()
        raise


def _check(future):
  try:
    future.result()
  except concurrent.futures.process.BrokenProcessPool as error:
    raise OSError(
      'a worker process was killed, probably for lack of memory; run the same '
      'command with fewer --processes to resume'
    ) from error


def build_unit(
  key: str,
  unit: Unit,
  *,
  source: Source,
  storage: Storage,
  staging: pathlib.Path,
) -> None:
  """Writes KEY.array_record and, when it is complete, KEY.json beside it.

  A clip that cannot be read is left out and listed in the latter.

  Raises:
    OSError: A file cannot be written.
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


def _json(content):
  """Returns what JSON keeps of some content."""
  return json.loads(json.dumps(content, default=str))


def _read_recipe(folder) -> dict:
  path = folder / _RECIPE
  return json.loads(path.read_text()) if path.exists() else {}


def _result(path) -> dict:
  return json.loads(path.read_text())


def _count(number, noun):
  return f'{number} {noun}' + ('' if number == 1 else 's')
