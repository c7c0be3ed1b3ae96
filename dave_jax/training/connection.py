"""Connects the processes of a run that has several."""

import faulthandler
import socket
import sys
import time

import jax


def connect(
  *,
  distributed: bool,
  coordinator: str | None,
  processes: int | None,
  process: int | None,
  timeout: int,
) -> None:
  """Connects this process to the others.

  Args:
    distributed: Whether there are others.
    coordinator: HOST:PORT of process 0; None on TPU pods and under SLURM, which
      say it.
    processes: Number of processes; None as above.
    process: Index of this process, from 0; None as above.
    timeout: Connection and heartbeat timeout, in seconds.

  Raises:
    ValueError: The settings do not say how.
    TimeoutError: Nothing listens at the address of process 0.
  """
  if not distributed:
    settings = {
      '--coordinator': coordinator,
      '--processes': processes,
      '--process': process,
    }
    given = [name for name, value in settings.items() if value is not None]
    if given:
      raise ValueError(f'expected --distributed with {", ".join(given)}')
    return
  if coordinator and process:
    _wait_for_coordinator(coordinator, timeout)
  # JAX aborts without an exception; print the likely cause first.
  print(
    'main: connecting to the other processes'
    + (f' at {coordinator}' if coordinator else '')
    + f'; if this ends the program, one of them did not start, or was not '
    f'reached within {timeout} s',
    file=sys.stderr,
    flush=True,
  )
  faulthandler.disable()  # Its stack would hide the cause.
  try:
    jax.distributed.initialize(
      coordinator_address=coordinator,
      num_processes=processes,
      process_id=process,
      initialization_timeout=timeout,
      heartbeat_timeout_seconds=timeout,
    )
  except (ValueError, TypeError) as error:
    raise ValueError(
      f'cannot connect to the other processes: {error} Give --coordinator, '
      '--processes and --process, or leave out --distributed'
    ) from error
  faulthandler.enable()


def _wait_for_coordinator(address: str, seconds: float) -> None:
  """Waits until something listens at HOST:PORT.

  Raises:
    ValueError: The address is not HOST:PORT.
    TimeoutError: Nothing does.
  """
  host, _, port = address.rpartition(':')
  if not host or not port.isdecimal():
    raise ValueError(f'expected --coordinator=HOST:PORT, got {address!r}')
  deadline = time.monotonic() + seconds
  while True:
    try:
      socket.create_connection((host, int(port)), timeout=seconds).close()
      return
    except OSError as error:
      if time.monotonic() > deadline:
        raise TimeoutError(
          f'no process 0 at --coordinator={address} within {seconds} s '
          f'({error}); start it there, or raise --wait'
        ) from error
    time.sleep(0.2)
