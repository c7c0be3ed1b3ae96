"""How often Python looks for garbage."""

import gc

_ALLOCATIONS = 100_000  # Python's default is 700.


def collect_garbage_rarely() -> None:
  """Makes a program start faster.

  Importing JAX and tracing a network make a million objects that stay. Python
  would look through them again and again, which takes a fifth of the time until
  the first map of `predict`. Only cyclic garbage waits longer; arrays and
  frames are freed at once as ever.
  """
  gc.set_threshold(_ALLOCATIONS, 100)
