"""Small versions of the official downloads, written with real encoders.

`gaze_at` defines where viewers look, so that tests know what to expect.
"""

import numpy as np
import scipy.io
import scipy.io.wavfile
import simplejpeg
from PIL import Image

from tests.media import clips

SIZE = (48, 80)  # Height and width of videos.
SCREEN = (960, 1280)  # Of DIEM.
FRAMES = 20
COUTROT = {
  1: ('coutrot_database1.mat', 'Coutrot_Database1', 'OriginalSounds', 'ERB3'),
  2: ('coutrot_database2.mat', 'Coutrot_Database2', 'AudioVisual', 'ERB4'),
}


def gaze_at(viewer: int, frame: int) -> tuple[float, float]:
  """Returns x, y in pixels of a video of `SIZE`; always inside."""
  return 5.25 + 3 * (frame % 20) + viewer, 40.75 - 2 * (frame % 16) - viewer


def write_wav(path, seconds, rate=16000):
  path.parent.mkdir(parents=True, exist_ok=True)
  samples = clips.tone(seconds, rate=rate)
  scipy.io.wavfile.write(path, rate, (samples * 32767).astype(np.int16))


def write_image(path, size=SIZE, value=0):
  """Writes a JPEG or PNG whose grey level is `value`."""
  path.parent.mkdir(parents=True, exist_ok=True)
  image = np.full((*size, 3), value, np.uint8)
  if path.suffix.startswith('.jp'):
    path.write_bytes(simplejpeg.encode_jpeg(image, 95, 'RGB'))
  else:
    Image.fromarray(image).save(path)


def write_grey(path, image):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(image).save(path, quality=100)


def points(frame, viewers=2, size=SIZE):
  """Returns a map [h, w] of the pixels that viewers fixate."""
  fixated = np.zeros(size, np.uint8)
  for viewer in range(viewers):
    x, y = gaze_at(viewer, frame)
    fixated[int(y), int(x)] = 1
  return fixated


def blob(frame, size=SIZE):
  """Returns a density map [h, w], brightest in column `frame`."""
  columns = np.arange(size[1])
  row = 255 * np.exp(-(((columns - frame) / 8) ** 2))
  return np.repeat(row[None], size[0], axis=0).astype(np.uint8)


def diem_rows(viewer, frames, size):
  """Returns the rows [frames, 9] of an event file; both eyes agree."""
  rows = np.zeros((frames, 9))
  rows[:, 0] = np.arange(1, frames + 1)
  for frame in range(frames):
    x, y = gaze_at(viewer, frame)
    x += (SCREEN[1] - size[1]) / 2
    y += (SCREEN[0] - size[0]) / 2
    rows[frame, 1:] = [x, y, 900, 1, x, y, 900, 1]
  return rows


def size_in(name):
  """Returns the height and width in the name of a DIEM video."""
  width, height = name.rpartition('_')[2].split('x')
  return int(height), int(width)


def write_diem(root, name, *, viewers=2, frames=FRAMES, rows=None, rate=30):
  """Writes a DIEM folder with a video of the size in its name.

  Args:
    rows: {viewer: rows [frames, 9] of its file}; `diem_rows` for the others.
  """
  folder = root / name
  size = size_in(name)
  for part in ('video', 'event_data'):
    (folder / part).mkdir(parents=True)
  clips.write_clip(
    folder / 'video' / f'{name}.mp4', frames=range(frames), rate=rate, size=size
  )
  write_wav(folder / 'audio' / f'{name}.wav', frames / rate, 48000)
  for viewer in range(viewers):
    table = (rows or {}).get(viewer, diem_rows(viewer, frames, size))
    np.savetxt(
      folder / 'event_data' / f'diem{viewer}s01.asc_1_{name}.txt',
      table,
      fmt='%g',
      delimiter='\t',
      newline='\r\n',
    )


def write_coutrot(
  root, database, numbers, *, viewers=2, frames=FRAMES, suffix='.avi'
):
  """Writes a Coutrot database: videos with sound and the MATLAB file."""
  file, variable, condition, prefix = COUTROT[database]
  stimuli = root / f'{prefix}_Stimuli'
  stimuli.mkdir(parents=True)
  content = {}
  for number in numbers:
    clips.write_clip(
      stimuli / f'clip_{number}{suffix}',
      frames=range(frames),
      size=SIZE,
      codec='mpeg4',
      sound=clips.tone(frames / 25, rate=48000),
      sound_rate=48000,
      sound_codec='ac3',
    )
    data = np.array(
      [
        [gaze_at(viewer, frame) for viewer in range(viewers)]
        for frame in range(frames)
      ]
    ).transpose(2, 0, 1)
    data[:, 3, 0] = np.nan
    info = {
      'fps': 25.0,
      'nframe': frames,
      'vidwidth': SIZE[1],
      'vidheight': SIZE[0],
    }
    content[f'clip_{number}'] = {'data': data, 'info': info}
  scipy.io.savemat(
    root / file,
    {variable: {condition: content, 'OtherSounds': {'clip_1': 0}}},
    do_compression=True,
  )


def write_stavis(root, set_name, names, *, frames=FRAMES, rate=25.0, lists=()):
  """Writes clips of a set of the STAViS release, and fold lists.

  Args:
    lists: (file name, names) of each list.
  """
  for name in names:
    annotations = root / 'annotations' / set_name / name
    for frame in range(frames):
      number = f'{frame + 1:05d}'
      image = clips.picture(frame, *SIZE)
      path = root / 'video_frames' / set_name / name / f'img_{number}.jpg'
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(simplejpeg.encode_jpeg(image, 95, 'RGB'))
      write_grey(annotations / 'maps' / f'eyeMap_{number}.jpg', blob(frame))
      scipy.io.savemat(
        annotations / f'fixMap_{number}.mat', {'eyeMap': points(frame)}
      )
    write_wav(
      root / 'video_audio' / set_name / name / f'{name}.wav', frames / rate
    )
  (root / 'fold_lists').mkdir(exist_ok=True)
  for file, listed in lists:
    text = ''.join(f'{name} {frames} {rate:.6f}\n' for name in listed)
    (root / 'fold_lists' / file).write_text(text)


def write_dhf1k(root, numbers, *, frames=FRAMES, as_images=False):
  for number in numbers:
    video = root / 'video' / f'{number:03d}'
    video.parent.mkdir(parents=True, exist_ok=True)
    if as_images:
      for frame in range(frames):
        path = video / f'{frame + 1:04d}.png'
        write_grey(path, clips.picture(frame, *SIZE))
    else:
      clips.write_clip(
        video.with_suffix('.AVI'),
        frames=range(frames),
        size=SIZE,
        rate=30,
        codec='mpeg4',
        sound=clips.tone(frames / 30, rate=48000),
        sound_rate=48000,
        sound_codec='ac3',
      )
    if number > 700:
      continue
    annotation = root / 'annotation' / f'{number:04d}'
    for frame in range(frames):
      name = f'{frame + 1:04d}.png'
      write_grey(annotation / 'maps' / name, blob(frame))
      write_grey(annotation / 'fixation' / name, points(frame) * 255)


def write_salicon(root, names_of, size=SIZE):
  """Writes images; names_of maps 'train' and 'val' to names."""
  for split, names in names_of.items():
    for number, name in enumerate(names):
      write_image(root / 'images' / split / f'{name}.jpg', size, 10 * number)
      write_grey(root / 'maps' / split / f'{name}.png', blob(number, size))
      viewers = np.zeros(2, [('location', 'O'), ('fixations', 'O')])
      for viewer in range(2):
        # From 1: pixel 1 is the first.
        xy = np.floor([gaze_at(viewer, frame) for frame in range(3)]) + 1
        viewers[viewer] = (xy, xy.astype(np.uint16))
      path = root / 'fixations' / split / f'{name}.mat'
      path.parent.mkdir(parents=True, exist_ok=True)
      content = {'image': name, 'resolution': size, 'gaze': viewers[:, None]}
      scipy.io.savemat(path, content)


def write_mit1003(root, names):
  for number, name in enumerate(names):
    write_image(root / 'ALLSTIMULI' / f'{name}.jpeg', value=number)
    maps = root / 'ALLFIXATIONMAPS'
    write_grey(maps / f'{name}_fixMap.jpg', blob(number))
    write_grey(maps / f'{name}_fixPts.jpg', points(number) * 255)


def write_cat2000(root, names_of):
  base = root / 'trainSet'
  for category, names in names_of.items():
    for number, name in enumerate(names):
      write_image(base / 'Stimuli' / category / f'{name}.jpg', value=number)
      maps = base / 'FIXATIONMAPS' / category / f'{name}.jpg'
      write_grey(maps, blob(number))
      path = base / 'FIXATIONLOCS' / category / f'{name}.mat'
      path.parent.mkdir(parents=True, exist_ok=True)
      scipy.io.savemat(path, {'fixLocs': points(number)})


def write_table(root, images, rows):
  """Writes images {name: size} and fixations.npz as OSIE has them."""
  for number, (name, size) in enumerate(images.items()):
    write_image(root / 'stimuli' / name, size, number)
  np.savez(
    root / 'fixations.npz',
    image=np.array(list(images)),
    table=np.array(rows, np.float32),
  )
