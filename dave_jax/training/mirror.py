"""Runs in buckets: a run works on a copy of its folder on this machine.

The copy is made at the start, and what has changed is copied back after each
checkpoint and at the end. At any moment the bucket holds what a run needs to
resume. A checkpoint counts with its checksums, and weights with their
model.json: these are removed before the files that they belong to change, and
copied after them, the checksums after everything else.
"""

import contextlib
import logging
import os
import pathlib
from collections.abc import Callable, Iterator

import jax

from dave_jax import buckets
from dave_jax.files import is_partial
from dave_jax.training.bucket_lock import BucketLock, lock_bucket
from dave_jax.training.workdir import raise_in_all
from dave_jax.weights.model_folder import DESCRIPTION

_LOG = logging.getLogger(__name__)
# Folders that no later start reads.
_WRITTEN_ONLY = ('damaged', 'pictures', 'profile', 'tensorboard')
# What training needs, besides files, and an evaluation does not.
CHECKPOINTS = ('checkpoints', 'checksums')
_WEIGHTS = ('best', 'last')
_DESCRIPTIONS = tuple(f'{folder}/{DESCRIPTION}' for folder in _WEIGHTS)
_LOCK = 'lock'


@contextlib.contextmanager
def mirrored(
  workdir: str | os.PathLike, *, without: tuple[str, ...] = ()
) -> Iterator[tuple[pathlib.Path, Callable[[], None] | None]]:
  """Yields a folder for a run, and a function that copies it to its bucket.

  All processes of a run must call it. Each has a copy of its own; process 0
  holds the lock of the bucket and alone copies back.

  Args:
    workdir: Folder of the run. One that is not in a bucket is used itself, and
      there is no function.
    without: Folders that are not copied from the bucket.

  Raises:
    BlockingIOError: Another run uses the folder of the bucket.
    OSError: The bucket cannot be read, or not be written at the end.
    ValueError: The package for the bucket is not installed.
  """
  if not buckets.is_bucket(workdir):
    yield pathlib.Path(workdir), None
    return
  bucket = os.fspath(workdir).rstrip('/')
  with contextlib.ExitStack() as stack:
    lock, refused = None, None
    if jax.process_index() == 0:
      try:
        lock = stack.enter_context(lock_bucket(bucket))
      except OSError as error:
        refused = str(error)
    raise_in_all(refused, bucket)
    private = stack.enter_context(buckets.private_folder())
    # Results name the run after its folder.
    folder = private / bucket.rpartition('/')[2]
    mirror = Mirror(bucket, folder, lock, without=without)
    try:
      yield folder, mirror.upload_or_warn
    except (ValueError, OSError, ArithmeticError) as error:
      # The copy is gone when the message is read.
      error.args = tuple(
        arg.replace(str(folder), bucket) if isinstance(arg, str) else arg
        for arg in error.args
      )
      raise
    finally:
      mirror.close()


class Mirror:
  """The folder of a run in a bucket, and its copy on this machine."""

  def __init__(
    self,
    bucket: str,
    folder: pathlib.Path,
    lock: BucketLock | None,
    *,
    without: tuple[str, ...] = (),
  ):
    """Copies the folder from the bucket.

    Args:
      bucket: The folder in the bucket.
      folder: The copy, which is created.
      lock: The lock of the bucket; None in a process that only reads.
      without: Folders that are not copied.
    """
    self._bucket = bucket
    self._folder = folder
    self._lock = lock
    skipped = (_LOCK, *_WRITTEN_ONLY, *without)
    names = [
      name
      for name in buckets.files_in(bucket)
      if name.split('/')[0] not in skipped
    ]
    whole = {_part(name) for name in names if _completes(name)}
    left = [n for n in names if _part(n) not in (None, *whole)]
    buckets.download(bucket, [n for n in names if n not in left], folder)
    # What the bucket holds: {relative path: (bytes, time of change here)}. What
    # is not whole was left by a killed run; the next upload removes it.
    self._known = dict.fromkeys(left) | self._files()

  def upload(self) -> None:
    """Copies what has changed to the bucket, and removes what is gone.

    Only files that grow, such as rows, may be written meanwhile.

    Raises:
      BlockingIOError: Another run has taken the lock.
      OSError: The bucket cannot be written.
    """
    if self._lock is None:
      return
    self._lock.check()
    files = self._files()
    changed = [n for n, stat in files.items() if self._known.get(n) != stat]
    gone = [name for name in self._known if name not in files]
    renewed = {_part(name) for name in changed if _completes(name)}
    old = [name for name in gone if _part(name) not in renewed]
    # If this fails, the bucket may hold any version of these, or none.
    self._known |= dict.fromkeys(changed)
    self._remove(n for n in changed if _completes(n))
    self._copy(n for n in changed if not _completes(n))
    self._remove(n for n in gone if _part(n) in renewed)
    self._copy(n for n in changed if n in _DESCRIPTIONS)
    self._copy(n for n in changed if n.startswith('checksums/'))
    # An older checkpoint stays until the new one counts.
    self._remove(n for n in old if _completes(n))
    self._remove(n for n in old if not _completes(n))
    self._known = files

  def upload_or_warn(self) -> None:
    """Uploads; if that fails, the next upload copies what this one did not.

    Raises:
      BlockingIOError: Another run has taken the lock.
    """
    try:
      self.upload()
    except BlockingIOError:
      raise
    except OSError as error:
      _LOG.warning(
        'not copied to the bucket; the next checkpoint tries again: %s', error
      )

  def close(self) -> None:
    """Uploads the last changes.

    Raises:
      BlockingIOError: Another run has taken the lock.
      OSError: The bucket cannot be written; the copy has been moved to the
        folder that the message names.
    """
    try:
      self.upload()
    except BlockingIOError:
      raise
    except OSError as error:
      kept = self._folder.parents[2] / f'dave_jax_kept_{os.getpid()}'
      os.replace(self._folder, kept)
      raise OSError(
        f'{error}; the run is kept in {kept}; copy its files to {self._bucket}'
      ) from error

  def _copy(self, names):
    buckets.upload(self._folder, list(names), self._bucket)

  def _remove(self, names):
    buckets.remove(self._bucket, list(names))

  def _files(self):
    found = {}
    for path in self._folder.rglob('*'):
      name = path.relative_to(self._folder).as_posix()
      if name == _LOCK or is_partial(path):
        continue
      # Rows are rewritten by renaming.
      with contextlib.suppress(FileNotFoundError):
        stat = path.stat()
        if path.is_file():
          found[name] = stat.st_size, stat.st_mtime_ns
    return found


def _completes(name):
  """Returns whether a checkpoint or weights count with this file."""
  return name.startswith('checksums/') or name in _DESCRIPTIONS


def _part(name):
  """Returns the checkpoint or weights that a file belongs to, or None."""
  top, _, rest = name.partition('/')
  if top in CHECKPOINTS:
    return rest.partition('/')[0].removesuffix('.json')
  return top if top in _WEIGHTS else None
