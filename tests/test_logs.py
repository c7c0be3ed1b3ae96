"""Where the package's log goes."""

import logging

from dave_jax.logs import log_to_stderr


def test_a_message_is_printed_once_with_the_last_prefix(capsys):
  logger = logging.getLogger('dave_jax')
  before = logger.handlers[:], logger.level, logger.propagate
  logger.handlers = []
  try:
    log_to_stderr()
    log_to_stderr(prefix='here: ')
    logger.info('hello')
    assert capsys.readouterr().err == 'here: hello\n'
  finally:
    logger.handlers, logger.level, logger.propagate = before
