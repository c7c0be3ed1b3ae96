"""How many threads BLAS uses."""

import threadpoolctl


def use_one_blas_thread() -> None:
  """Limits products of NumPy matrices to the thread that computes them.

  Ours are small, and computed beside others and beside XLA. BLAS starts a
  thread for each core when it is imported, which takes processor time while it
  waits: of two processes tied to a core each, an evaluation took 15 s in place
  of 4. A BLAS that is imported later, such as SciPy's, is not limited.
  """
  threadpoolctl.threadpool_limits(1, user_api='blas')
