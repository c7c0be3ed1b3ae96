"""Where the package's log goes."""

import logging


def log_to_stderr(level: int = logging.INFO, prefix: str = '') -> None:
  """Prints the package's log, once however often it is called.

  Args:
    level: The least severe messages that are printed.
    prefix: Begins each line; that of the last call counts.
  """
  logger = logging.getLogger('dave_jax')
  logger.setLevel(level)
  logger.propagate = False
  if not logger.handlers:
    logger.addHandler(logging.StreamHandler())
  for handler in logger.handlers:
    handler.setFormatter(logging.Formatter(f'{prefix}%(message)s'))
