"""How often Python looks for garbage."""

import gc

# Allocations before a collection, and collections of one generation before one
# of the next. Python's defaults are 700 and 10.
_ALLOCATIONS, _COLLECTIONS = 100_000, 100


def collect_garbage_rarely() -> None:
  """Makes a program start faster.

  Importing JAX and tracing a network make a million objects that stay. Python
  would look through them again and again, which takes a fifth of the time until
  the first map of `predict`. Only cyclic garbage waits longer; arrays and
  frames are freed at once as ever.
  """
  gc.set_threshold(_ALLOCATIONS, _COLLECTIONS)
