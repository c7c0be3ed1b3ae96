"""Writes the voices of sounding_shapes, a simulation, as labelled files.

  python -m dave_jax.datasets.simulation.voice_files --out=voices --each=150

OUT/LABEL/NNNN.wav of a second each, LABEL one of `voices.VOICES` or 'nobody':
what an audio encoder learns to tell voices by before it meets the picture, as
the paper's learns words. With an encoder that tells them, which voice belongs
to which look is learnt many times sooner.
"""

import argparse
import pathlib
import sys
import zlib

import numpy as np
import scipy.io.wavfile

from dave_jax.datasets.simulation.voices import VOICES, ambience, voice
from dave_jax.media.audio import SAMPLE_RATE

NOBODY = 'nobody'


def main(argv: list[str] | None = None) -> int:
  """Writes as the command line says; returns the exit status."""
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.datasets.simulation.voice_files',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--out', required=True, help='folder to write')
  parser.add_argument(
    '--each', type=int, default=150, help='files of a voice (%(default)s)'
  )
  parser.add_argument(
    '--seed', type=int, default=0, help='of what varies (%(default)s)'
  )
  args = parser.parse_args(argv)
  try:
    write_voices(pathlib.Path(args.out), args.each, args.seed)
  except (ValueError, OSError) as error:
    print(f'voice_files: {error}', file=sys.stderr)
    return 1
  return 0


def write_voices(out: pathlib.Path, each: int, seed: int) -> None:
  """Writes `each` files of every voice, and of nobody's.

  The same seed gives the same bytes.

  Raises:
    ValueError: `each` is below 1.
    OSError: They cannot be written.
  """
  if each < 1:
    raise ValueError(f'got {each} files of a voice, wanted 1 or more')
  held_out = []
  for label in (*VOICES, NOBODY):
    folder = out / label
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    for number in range(each):
      sound = ambience(SAMPLE_RATE, rng)
      if label != NOBODY:
        sound += voice(label, 1.0, rng)
      samples = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
      path = folder / f'{number:04d}.wav'
      scipy.io.wavfile.write(path, SAMPLE_RATE, samples)
      if number % 10 == 0:
        held_out.append(path.relative_to(out).as_posix())
  (out / 'validation_list.txt').write_text('\n'.join(held_out) + '\n')


if __name__ == '__main__':
  sys.exit(main())
