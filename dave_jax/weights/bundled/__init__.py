"""The weights that come with the package; MODEL_CARD.md describes them."""

import pathlib

BUNDLED = pathlib.Path(__file__).parent / 'dave_small'  # A checkpoint folder.
NOTE = (
  'No --checkpoint given: using the bundled small network '
  '(dave_jax/weights/bundled/MODEL_CARD.md describes it).'
)
