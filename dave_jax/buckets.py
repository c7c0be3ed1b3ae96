"""Files in buckets: gs://BUCKET/... and s3://BUCKET/...

Needs gcsfs or s3fs: pip install 'dave-jax[cloud]'.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator

PROTOCOLS = ('gs://', 's3://')
_COPIES = 'dave_jax_copy_'
# A folder younger than this may not be locked yet, in seconds.
_YOUNG = 60


def is_bucket(path: str | os.PathLike | None) -> bool:
  """Returns whether a path lies in a bucket."""
  return path is not None and os.fspath(path).startswith(PROTOCOLS)


def filesystem(path: str | os.PathLike):
  """Returns the fsspec file system of a bucket, without cached listings.

  Raises:
    ValueError: The package for it is not installed.
  """
  try:
    import fsspec

    protocol = os.fspath(path).partition('://')[0]
    return fsspec.filesystem(protocol, use_listings_cache=False)
  except ImportError as error:
    raise ValueError(
      f"{path}: {error}; pip install 'dave-jax[cloud]'"
    ) from error


@contextlib.contextmanager
def as_os_errors(path: str | os.PathLike) -> Iterator[None]:
  """Raises the errors of a file system as OSError that names the path.

  gcsfs and s3fs raise errors of the five libraries that they use.
  """
  try:
    yield
  except Exception as error:
    kinds = (FileNotFoundError, PermissionError, BlockingIOError)
    kind = next((k for k in kinds if isinstance(error, k)), OSError)
    text = str(error)
    if os.fspath(path) not in text:
      text = f'{path}: {type(error).__name__}: {text}'
    raise kind(text) from error


def files_in(folder: str | os.PathLike) -> dict[str, int]:
  """Returns {path relative to the folder: bytes} of all files below it.

  Raises:
    OSError: The bucket cannot be read.
    ValueError: The package for it is not installed.
  """
  fs = filesystem(folder)
  root = _key(fs, folder)
  with as_os_errors(folder):
    found = fs.find(root, detail=True)
  names = {path[len(root) + 1 :]: info for path, info in found.items()}
  # Some tools write an empty object for each folder.
  return {
    name: info['size']
    for name, info in names.items()
    if name and not name.endswith('/')
  }


def download(
  bucket: str | os.PathLike, names: list[str], folder: pathlib.Path
) -> None:
  """Copies files of a folder of a bucket to a folder of this machine.

  Raises:
    OSError: A file cannot be read or written.
    ValueError: The package for the bucket is not installed.
  """
  fs = filesystem(bucket)
  folder.mkdir(parents=True, exist_ok=True)
  with as_os_errors(bucket):
    fs.get(
      [f'{_key(fs, bucket)}/{name}' for name in names],
      [str(folder / name) for name in names],
    )


def upload(
  folder: pathlib.Path, names: list[str], bucket: str | os.PathLike
) -> None:
  """Copies files of a folder of this machine to a folder of a bucket.

  Each file appears in the bucket when it is complete.

  Raises:
    OSError: A file cannot be read or written.
  """
  fs = filesystem(bucket)
  with as_os_errors(bucket):
    fs.put(
      [str(folder / name) for name in names],
      [f'{_key(fs, bucket)}/{name}' for name in names],
    )


def remove(bucket: str | os.PathLike, names: list[str]) -> None:
  """Removes files of a folder of a bucket, where they exist.

  Raises:
    OSError: A file cannot be removed.
  """
  fs = filesystem(bucket)
  for name in names:
    with as_os_errors(bucket), contextlib.suppress(FileNotFoundError):
      fs.rm_file(f'{_key(fs, bucket)}/{name}')


def read_text(path: str | os.PathLike) -> str:
  """Returns the text of a file (UTF-8), with a byte order mark left out.

  Raises:
    OSError: It cannot be read.
    UnicodeDecodeError: It is not text.
    ValueError: The package for the bucket is not installed.
  """
  if not is_bucket(path):
    return pathlib.Path(path).read_text(encoding='utf-8-sig')
  with as_os_errors(path):
    content = filesystem(path).cat_file(os.fspath(path))
  return content.decode('utf-8-sig')


def matches(pattern: str) -> list[str]:
  """Returns the files of a bucket that match a pattern, sorted.

  Args:
    pattern: Such as gs://BUCKET/videos/*.mp4; ** stands for any folders.

  Raises:
    OSError: The bucket cannot be read.
    ValueError: The package for the bucket is not installed.
  """
  fs = filesystem(pattern)
  protocol = pattern.partition('://')[0]
  with as_os_errors(pattern):
    return sorted(f'{protocol}://{path}' for path in fs.glob(pattern))


@contextlib.contextmanager
def local_file(path: str) -> Iterator[str]:
  """Yields a file, as a temporary copy with the same name if in a bucket.

  Raises:
    OSError: The bucket cannot be read.
    ValueError: The package for the bucket is not installed.
  """
  if not is_bucket(path):
    yield path
    return
  bucket, _, name = path.rpartition('/')
  with private_folder() as folder:
    download(bucket, [name], folder)
    yield str(folder / name)


def local_model(folder: str | os.PathLike) -> str | os.PathLike:
  """Returns a model folder of this machine.

  Args:
    folder: A model, or a run with its `best` or `last`. One in a bucket is
      copied, and the copy is removed when the program ends.

  Raises:
    FileNotFoundError: There is no model in the bucket.
    OSError: The bucket cannot be read.
    ValueError: The package for the bucket is not installed.
  """
  if not is_bucket(folder):
    return folder
  return _fetch_model(os.fspath(folder).rstrip('/'))


@functools.cache
def _fetch_model(bucket):
  names = files_in(bucket)
  for part in ('', 'best/', 'last/'):
    if f'{part}model.json' in names:
      break
  else:
    raise FileNotFoundError(
      f'{bucket}: expected a model or a training run, got no model.json'
    )
  stack = contextlib.ExitStack()
  atexit.register(stack.close)
  # Named as in the bucket: results say which model they are of.
  run = stack.enter_context(private_folder()).joinpath(*bucket.split('/')[-2:])
  download(bucket, [n for n in names if n.startswith(part)], run)
  return run / part


@contextlib.contextmanager
def private_folder() -> Iterator[pathlib.Path]:
  """Yields a new temporary folder that no other program removes.

  Those that killed programs of this user left are removed first.
  """
  temporary = pathlib.Path(tempfile.gettempdir())
  for old in temporary.glob(f'{_COPIES}*'):
    _remove_if_left(old)
  folder = pathlib.Path(tempfile.mkdtemp(prefix=_COPIES))
  with (folder / 'in_use').open('w') as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
      (folder / 'files').mkdir()
      yield folder / 'files'
    finally:
      shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder):
  try:
    lock = (folder / 'in_use').open('r+')
  except OSError:
    return  # Of another user, or just removed.
  with lock, contextlib.suppress(BlockingIOError):
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if time.time() - os.fstat(lock.fileno()).st_mtime > _YOUNG:
      shutil.rmtree(folder, ignore_errors=True)


def _key(fs, path):
  """Returns a path as the file system lists it, without a final slash."""
  return fs._strip_protocol(os.fspath(path)).rstrip('/')
