"""The page that lists all predictions in a folder."""

import json
import os
import pathlib

from dave_jax.pages.render import readable, url_of, write_page
from dave_jax.pages.view import ABOUT, VIEW

GALLERY = 'index.html'
# What tells our page from one that another program wrote.
_OURS = '<meta name="generator" content="dave-jax gallery">'


def write_gallery(out: str | os.PathLike) -> pathlib.Path | None:
  """Writes OUT/index.html, with a card for each prediction that has a page.

  Args:
    out: Folder whose subfolders hold predictions.

  Returns:
    Path of the page; None if no prediction has a page.

  Raises:
    FileExistsError: There is an index.html that another program wrote.
  """
  out = pathlib.Path(out)
  path = out / GALLERY
  if path.exists() and _OURS not in path.read_text('utf-8', 'replace')[:2000]:
    raise FileExistsError(
      f'{path}: another program wrote this page; the list of predictions is '
      'not written'
    )
  cards = []
  for about in sorted(out.glob(f'*/{ABOUT}')):
    folder = about.parents[1]
    thumbnail = folder / 'view' / 'thumbnail.jpg'
    if (folder / VIEW).exists():
      cards.append(
        json.loads(about.read_text(encoding='utf-8'))
        | {
          'url': url_of(folder / VIEW, out),
          'picture': url_of(thumbnail, out) if thumbnail.exists() else None,
        }
      )
  if not cards:
    return None
  write_page(
    path,
    'gallery',
    title=f'Videos in {readable(out.resolve().name)}',
    styles=('base.css', 'gallery.css'),
    scripts=('gallery.js',),
    cards=cards,
  )
  return path
