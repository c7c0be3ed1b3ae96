"""Pages from the templates of this package."""

import base64
import functools
import os
import pathlib
from collections.abc import Sequence
from urllib.parse import quote

import cv2
import numpy as np
from markupsafe import Markup

from dave_jax.files import write_text
from dave_jax.media.drawing_style import COLORMAPS

_STATIC = pathlib.Path(__file__).parent / 'static'
# Whatever a page holds, browsers load nothing for it from any network.
_POLICY = (
  "default-src 'none'; script-src 'unsafe-inline' file:; "
  "style-src 'unsafe-inline'; img-src file: data:; media-src file: blob:"
)


def write_page(
  path: str | os.PathLike,
  template: str,
  *,
  title: str,
  styles: Sequence[str],
  scripts: Sequence[str],
  **values,
) -> None:
  """Writes a page atomically.

  Args:
    path: The file.
    template: Name of a template without suffix, which is also the kind of page.
    title: Title of the page, plain text.
    styles, scripts: Names of files in `static` that the page holds.
    **values: Variables of the template; text is escaped. `data`, if given, is
      what scripts read, JSON-serialisable.
  """
  page = _environment().get_template(f'{template}.html')
  text = page.render(
    kind=template,
    title=title,
    styles=styles,
    scripts=scripts,
    policy=_POLICY,
    asset=_asset,
    **values,
  )
  # Names of files may hold bytes that are not UTF-8.
  write_text(path, text.encode('utf-8', 'replace').decode('utf-8'))


def readable(name: str | os.PathLike) -> str:
  """Returns a file name as text; bytes that are not UTF-8 become U+FFFD."""
  return os.fsencode(name).decode('utf-8', 'replace')


def url_of(path: str | os.PathLike, folder: str | os.PathLike) -> str:
  """Returns the URL of a file relative to a folder."""
  relative = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))
  return './' + quote(os.fsencode(pathlib.PurePath(relative).as_posix()))


def as_base64(array: np.ndarray) -> str:
  """Returns the bytes of an array, little-endian, as base64."""
  array = np.asarray(array)
  little = array.astype(array.dtype.newbyteorder('<'), copy=False)
  return base64.b64encode(little.tobytes()).decode()


def colormaps() -> dict[str, str]:
  """Returns {name: the RGB of 256 levels, base64}."""
  levels = np.arange(256, dtype=np.uint8)[None]
  return {
    name: as_base64(
      cv2.applyColorMap(levels, getattr(cv2, f'COLORMAP_{name.upper()}'))[
        0, :, ::-1
      ]
    )
    for name in COLORMAPS
  }


@functools.cache
def _environment():
  import jinja2  # Takes 0.1 s, which a prediction waits for only at its end.

  return jinja2.Environment(
    loader=jinja2.PackageLoader('dave_jax.pages'),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )


@functools.cache
def _asset(name):
  # These are files of this package, not strangers' text.
  return Markup((_STATIC / name).read_text(encoding='utf-8'))
