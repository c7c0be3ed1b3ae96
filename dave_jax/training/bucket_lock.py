"""Keeps a second run out of a folder of a bucket.

Buckets have no locks that end with a process. The holder of BUCKET/lock writes
it again every 20 seconds; one that nobody has written for a minute, or whose
process was on this machine and has ended, was left by a killed run.
"""

import contextlib
import datetime
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator

from dave_jax.buckets import as_os_errors, filesystem

_LOG = logging.getLogger(__name__)
_REFRESH_SECONDS = 20
_STALE_SECONDS = 60
_FIELDS = {'token', 'process', 'time', 'host', 'address'}


class BucketLock:
  """The lock of a folder of a bucket, held by this process."""

  def __init__(self, bucket: str):
    """Takes the lock.

    Raises:
      BlockingIOError: Another run holds it.
      OSError: The bucket cannot be read or written.
    """
    self._bucket = bucket
    self._path = f'{bucket}/lock'
    self._fs = filesystem(bucket)
    self._token = uuid.uuid4().hex
    with as_os_errors(bucket):
      while not self._create():
        self._remove_if_left()
    self._done = threading.Event()
    self._thread = threading.Thread(target=self._refresh, daemon=True)
    self._thread.start()

  def check(self) -> None:
    """Checks that no other run has taken the lock.

    Raises:
      BlockingIOError: One has: this process was stopped for too long.
      OSError: The bucket cannot be read.
    """
    with as_os_errors(self._bucket):
      holder = self._read()
    if holder is not None and holder['token'] != self._token:
      raise BlockingIOError(
        f'{self._bucket}: this run was not heard of for {_STALE_SECONDS} s, '
        f'and {_describe(holder)} continues it'
      )

  def release(self) -> None:
    """Gives the lock back."""
    self._done.set()
    self._thread.join()
    with as_os_errors(self._bucket), contextlib.suppress(FileNotFoundError):
      if (holder := self._read()) and holder['token'] == self._token:
        self._fs.rm_file(self._path)

  def _create(self):
    with contextlib.suppress(FileExistsError):
      self._fs.pipe_file(self._path, self._content(), mode='create')
      return True
    return False

  def _remove_if_left(self):
    """Removes a lock that nobody writes any more; waits to find that out."""
    holder = self._read()
    if holder is None:
      return
    deadline = time.monotonic() + _STALE_SECONDS
    if not _has_ended(holder):
      _LOG.info('%s is locked by %s; waiting', self._bucket, _describe(holder))
    while not _has_ended(holder) and time.monotonic() < deadline:
      time.sleep(_REFRESH_SECONDS / 10)
      now = self._read()
      if now is not None and now != holder:
        raise BlockingIOError(
          f'{self._bucket} is in use by {_describe(now)}; wait until it ends '
          'or stop it, or use another --workdir'
        )
      if now is None:
        return
    with contextlib.suppress(FileNotFoundError):
      self._fs.rm_file(self._path)

  def _refresh(self):
    while not self._done.wait(_REFRESH_SECONDS):
      try:
        self.check()
        with as_os_errors(self._bucket):
          self._fs.pipe_file(self._path, self._content())
      except BlockingIOError:
        return  # The next upload says so.
      except OSError as error:
        _LOG.warning('lock not refreshed: %s', error)

  def _read(self):
    """Returns who holds the lock; None if nobody does."""
    try:
      holder = json.loads(self._fs.cat_file(self._path))
      if holder.keys() >= _FIELDS:
        return holder
    except FileNotFoundError:
      return None
    except (ValueError, AttributeError):
      pass
    raise OSError(f'{self._path}: expected the lock of a run; delete it')

  def _content(self):
    now = datetime.datetime.now(datetime.UTC).isoformat()
    fields = {'token': self._token, 'process': os.getpid(), 'time': now}
    return json.dumps(fields | _machine()).encode()


@contextlib.contextmanager
def lock_bucket(bucket: str) -> Iterator[BucketLock]:
  """Holds the lock of a folder of a bucket while the block runs."""
  lock = BucketLock(bucket)
  try:
    yield lock
  finally:
    lock.release()


def _machine():
  return {'host': socket.gethostname(), 'address': uuid.getnode()}


def _describe(holder):
  return f'process {holder["process"]} on host {holder["host"]}'


def _has_ended(holder):
  """Returns whether the process of a lock ran here and has ended."""
  if any(holder[name] != value for name, value in _machine().items()):
    return False
  try:
    os.kill(holder['process'], 0)
  except ProcessLookupError:
    return True
  except PermissionError:
    pass
  return False
