"""Which batch comes at which step: streams that take turns."""

import dataclasses
from collections.abc import Sequence

from dave_jax.data.batches import Batches


@dataclasses.dataclass(frozen=True)
class Stream:
  """Batches of one kind.

  Attributes:
    name: Such as 'images'.
    batches: Endless.
    turn: Steps in a row that a turn of it takes.
  """

  name: str
  batches: Batches
  turn: int


class RoutedData:
  """Streams that take turns, in their order, over and over.

  Which stream a step takes depends on its number alone.
  """

  def __init__(self, streams: Sequence[Stream]):
    self._streams = tuple(streams)
    self._step = 0

  def __next__(self) -> tuple[str, dict]:
    """Returns the name of the stream and the batch of the next step."""
    stream = self.stream_of(self._step)
    batch = next(stream.batches)
    self._step += 1
    return stream.name, batch

  def stream_of(self, step: int) -> Stream:
    """Returns the stream that a step, from 0, takes its batch from."""
    place = step % sum(stream.turn for stream in self._streams)
    for stream in self._streams:
      if place < stream.turn:
        return stream
      place -= stream.turn
    raise AssertionError('turns add up to more than their sum')

  def state(self) -> dict:
    """Returns the position, for JSON."""
    return {
      'step': self._step,
      'turns': {s.name: s.turn for s in self._streams},
      'streams': {s.name: s.batches.state() for s in self._streams},
    }

  def restore(self, position: dict) -> None:
    """Goes to a position that `state` gave.

    Raises:
      ValueError: It is one of other streams, data or settings.
    """
    turns = self.state()['turns']
    if position['turns'] != turns:
      raise ValueError(
        f'the saved run took turns {position["turns"]}, this one takes '
        f'{turns}; give the data and settings it began with, or another '
        'workdir'
      )
    for stream in self._streams:
      stream.batches.restore(position['streams'][stream.name])
    self._step = position['step']

  def close(self) -> None:
    """Ends worker processes."""
    for stream in self._streams:
      stream.batches.close()
