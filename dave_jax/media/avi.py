"""Times of the packets of an AVI, from its index."""

import av

_HEADER = 8  # Bytes of a chunk before its packet.


class ListedTimes:
  """Gives packets the times that the index of an AVI lists.

  An AVI has no time stamps: FFmpeg counts packets, or the bytes of sound of a
  constant rate, so that what is lost in a damaged part would move everything
  after it. Does nothing for other files.
  """

  def __init__(self, container: av.container.InputContainer):
    self._listed = {}
    if container.format.name == 'avi':
      self._listed = {
        stream.index: {e.pos + _HEADER: e for e in stream.index_entries}
        for stream in container.streams
        if stream.type in ('video', 'audio')
      }

  def correct(self, packet: av.Packet) -> None:
    """Moves the stamps of a packet to the time that the index lists."""
    entries = self._listed.get(packet.stream.index, {})
    entry = entries.get(packet.pos)
    if entry is None or packet.dts is None or not packet.duration:
      return
    # The index counts packets, or bytes if a packet lasts for several.
    unit = 1 if packet.duration == 1 else packet.size // packet.duration
    late = entry.timestamp // max(unit, 1) - packet.dts
    packet.dts += late
    if packet.pts is not None:
      packet.pts += late

  def complete(self, index: int, positions: list[int]) -> bool:
    """Returns whether packets at these positions are all that are listed.

    Those before the first are not considered, nor those after the last.

    Args:
      index: Index of their stream.
      positions: Positions of the packets in the file, ascending.
    """
    if not positions:
      return False
    first, last = positions[0], positions[-1]
    listed = sorted(
      p for p in self._listed.get(index, ()) if first <= p <= last
    )
    return listed == positions
