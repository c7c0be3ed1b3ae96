"""Videos of maps, and the PNG files that FFmpeg makes of their frames."""

import av

_PNG = {'yuv420p': 'rgb24', 'yuv420p10le': 'rgb48be'}


def write_map_video(path, maps, pixels):
  """Writes maps, uint8 [n, h, w], as H.264 of a pixel format."""
  with av.open(str(path), 'w') as out:
    stream = out.add_stream('libx264', rate=25)
    stream.height, stream.width = maps.shape[1:]
    stream.pix_fmt = pixels
    stream.options = {'crf': '0'}
    for saliency in maps:
      frame = av.VideoFrame.from_ndarray(saliency, format='gray')
      out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def write_png_frames(video, folder, pixels):
  """Writes 0001.png and on by FFmpeg's PNG encoder."""
  folder.mkdir(parents=True)
  with av.open(str(video)) as container:
    for number, frame in enumerate(container.decode(video=0), 1):
      encoder = av.CodecContext.create('png', 'w')
      encoder.width, encoder.height = frame.width, frame.height
      encoder.pix_fmt, encoder.time_base = _PNG[pixels], frame.time_base
      packets = encoder.encode(frame.reformat(format=_PNG[pixels]))
      packets += encoder.encode(None)
      path = folder / f'{number:04d}.png'
      path.write_bytes(b''.join(map(bytes, packets)))
