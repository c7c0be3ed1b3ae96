"""The weights that come with the package; MODEL_CARD.md describes them."""

import pathlib

BUNDLED = pathlib.Path(__file__).parent / 'dave_small'  # A checkpoint folder.
NOTE = (
  'no checkpoint given: takes the small network that comes with the package '
  '(dave_jax/weights/bundled/MODEL_CARD.md says what it sees and misses)'
)
