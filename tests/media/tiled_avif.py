"""An AVIF picture of two tiles, as cameras of phones write them."""

import io
import struct

import numpy as np
from PIL import Image


def tiled_avif(picture: np.ndarray) -> bytes:
  """Returns an AVIF of a picture [h, w, 3] whose halves are tiles.

  The boxes are those of ISO/IEC 23008-12 (HEIF): item 1 is the grid, items 2
  and 3 are the tiles.
  """
  h, w, _ = picture.shape
  tiles = [_tile(picture[:, : w // 2]), _tile(picture[:, w // 2 :])]
  data = [content for _, content in tiles]
  kind = _box(b'ftyp', b'avif', bytes(4), b'avifmif1miafMA1B')
  sizes = [len(content) for content in data]
  begin = len(kind) + len(_meta(h, w, tiles[0][0], [0, 0], sizes)) + 8
  places = [begin, begin + sizes[0]]
  return kind + _meta(h, w, tiles[0][0], places, sizes) + _box(b'mdat', *data)


def _meta(h, w, decoder, places, sizes):
  grid = struct.pack('>BBBBHH', 0, 0, 0, 1, w, h)
  locations = struct.pack('>HHHHII', 1, 1, 0, 1, 0, len(grid)) + b''.join(
    struct.pack('>HHHHII', 2 + n, 0, 0, 1, place, size)
    for n, (place, size) in enumerate(zip(places, sizes, strict=True))
  )
  items = [(1, b'grid', 0), (2, b'av01', 1), (3, b'av01', 1)]
  entries = [
    _full(b'infe', 2, flags, struct.pack('>HH4s', item, 0, kind), b'\0')
    for item, kind, flags in items
  ]
  properties = _box(
    b'ipco',
    _full(b'ispe', 0, 0, struct.pack('>II', w, h)),
    _full(b'ispe', 0, 0, struct.pack('>II', w // 2, h)),
    decoder,
    _full(b'pixi', 0, 0, b'\3\x08\x08\x08'),
  )
  # Size and depth of the grid; size, decoder and depth of each tile.
  held = struct.pack('>I', 3) + b''.join(
    struct.pack('>HB', item, len(which)) + which
    for item, which in ((1, b'\1\4'), (2, b'\2\x83\4'), (3, b'\2\x83\4'))
  )
  return _full(
    b'meta',
    0,
    0,
    _full(b'hdlr', 0, 0, struct.pack('>I4s12s', 0, b'pict', b''), b'\0'),
    _full(b'pitm', 0, 0, struct.pack('>H', 1)),
    _full(b'iloc', 1, 0, struct.pack('>BBH', 0x44, 0, 3), locations),
    _full(b'iinf', 0, 0, struct.pack('>H', 3), *entries),
    _full(b'iref', 0, 0, _box(b'dimg', struct.pack('>HHHH', 1, 2, 2, 3))),
    _box(b'iprp', properties, _full(b'ipma', 0, 0, held)),
    _box(b'idat', grid),
  )


def _tile(pixels):
  """Returns (av1C box, AV1 data) of a picture."""
  file = io.BytesIO()
  Image.fromarray(pixels).save(file, 'AVIF', quality=90)
  content = file.getvalue()
  decoder = _find(content, [b'meta', b'iprp', b'ipco', b'av1C'])
  data = _find(content, [b'mdat'])
  return content[slice(*decoder)], content[data[0] + 8 : data[1]]


def _find(content, path, begin=0, end=None):
  """Returns (begin, end) of the box at a path of names."""
  end = len(content) if end is None else end
  while begin < end:
    size, kind = struct.unpack_from('>I4s', content, begin)
    if kind == path[0] and len(path) == 1:
      return begin, begin + size
    if kind == path[0]:
      header = 12 if kind == b'meta' else 8
      return _find(content, path[1:], begin + header, begin + size)
    begin += size
  raise LookupError(path)


def _box(kind, *parts):
  content = b''.join(parts)
  return struct.pack('>I4s', 8 + len(content), kind) + content


def _full(kind, version, flags, *parts):
  return _box(kind, struct.pack('>I', version << 24 | flags), *parts)
