"""Small versions of video sets in their official layouts, by real encoders."""

import json

import av
import numpy as np
import scipy.io

from tests.datasets import layouts
from tests.media import clips

SIZE = (64, 64)  # Height and width.
FRAMES = 20
RATE = 30
VIEWERS = 3


def points_at(frame, viewers=VIEWERS):
  """Returns the pixels [viewers, 2] (x, y) that viewers look at."""
  return np.array(
    [[8 + 2 * frame + v, 50 - 2 * frame - v] for v in range(viewers)]
  )


def density_at(frame, size=SIZE):
  """Returns a map [h, w] from 0 to 1, brightest at the first viewer's pixel."""
  y, x = np.indices(size)
  column, row = points_at(frame)[0]
  return np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 6.0**2))


def write_video(path, *, frames=FRAMES, size=SIZE, rate=RATE, sound=True):
  path.parent.mkdir(parents=True, exist_ok=True)
  return clips.write_clip(
    path,
    frames=range(frames),
    size=size,
    rate=rate,
    sound=clips.tone(frames / rate) if sound else None,
  )


def write_density_video(path, *, frames=FRAMES, size=SIZE, rate=RATE):
  """Writes H.264 of 10 bit without loss, as the releases have it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with av.open(str(path), 'w') as out:
    stream = out.add_stream('libx264', rate=rate)
    stream.height, stream.width = size
    stream.pix_fmt = 'yuv420p10le'
    stream.options = {'crf': '0', 'preset': 'ultrafast'}
    for number in range(frames):
      grey = np.rint(density_at(number, size) * 65535).astype(np.uint16)
      frame = av.VideoFrame.from_ndarray(grey, format='gray16le')
      out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def write_fixations(path, *, frames=FRAMES):
  """Writes JSON: a list of [y, x] for each frame."""
  path.parent.mkdir(parents=True, exist_ok=True)
  listed = [points_at(frame)[:, ::-1].tolist() for frame in range(frames)]
  path.write_text(json.dumps(listed))


def _write_msu_clip(video, density, fixations, **changes):
  write_video(video, **changes)
  write_density_video(density)
  write_fixations(fixations)


def write_crowdsal(root, numbers):
  """Writes clips by number; those up to 3000 are for training."""
  for number in numbers:
    folder = root / ('Train' if number <= 3000 else 'Test')
    name = f'{number:04d}'
    _write_msu_clip(
      folder / 'Videos' / f'{name}.mp4',
      folder / 'Saliency' / f'{name}.mp4',
      folder / 'Fixations' / f'{name}.json',
    )
  return root


def write_challenge(root, names_of):
  """Writes the clips of NTIRE 2026 or AViMoS: {list: names}."""
  root.mkdir(parents=True, exist_ok=True)
  (root / 'TrainTestSplit.json').write_text(json.dumps(names_of))
  for split, names in names_of.items():
    part = 'Train' if split == 'train' else 'Test'
    for name in names:
      _write_msu_clip(
        root / 'Videos' / f'{name}.mp4',
        root / f'Saliency{part}' / part / f'{name}.mp4',
        root / f'Fixations{part}' / part / name / 'fixations.json',
      )
  return root


def fixated_map(frame):
  fixated = np.zeros(SIZE, np.uint8)
  x, y = points_at(frame).T
  fixated[y, x] = 1
  return fixated


def write_action_clip(root, split, clip, stem, *, first=1, as_mat=False):
  """Writes a clip of either set; `stem` has {} for the number of a frame."""
  folder = root / split / clip
  for frame in range(FRAMES):
    name = stem.format(first + frame)
    layouts.write_grey(
      folder / 'images' / f'{name}.png', clips.picture(frame, *SIZE)
    )
    density = np.rint(density_at(frame) * 255).astype(np.uint8)
    layouts.write_grey(folder / 'maps' / f'{name}.png', density)
    if as_mat:
      path = folder / 'fixation' / 'maps' / f'{name}.mat'
      path.parent.mkdir(parents=True, exist_ok=True)
      scipy.io.savemat(path, {'I': fixated_map(frame)})
    else:
      fixated = fixated_map(frame) * 255
      layouts.write_grey(folder / 'fixation' / f'{name}.png', fixated)


def write_hollywood2(root):
  """Two shots of one film, whose numbers run on, and a clip for testing."""
  film = 'actionclip{}00001'
  for split, part in (('training', 'train'), ('testing', 'test')):
    stem = film.format(part) + '_{:05d}'
    for shot in (1, 2) if part == 'train' else (1,):
      write_action_clip(
        root,
        split,
        f'{film.format(part)}_{shot}',
        stem,
        first=1 + (shot - 1) * FRAMES,
      )
  return root


def write_ucf_sports(root):
  for split, name in (('training', 'Diving-Side-001'), ('testing', 'Run-002')):
    stem = name.replace('-0', '_0') + '_{:03d}'
    write_action_clip(root, split, name, stem, as_mat=True)
  return root


def ledov_rows():
  """Rows that follow `points_at`: viewer, start and duration [ms], x, y.

  A viewer's first fixation is at the centre and does not count.
  """
  rows = []
  for viewer in range(VIEWERS):
    rows.append([viewer + 1, 0, 30, SIZE[1] / 2, SIZE[0] / 2])
    for frame in range(1, FRAMES):
      x, y = points_at(frame)[viewer]
      rows.append([viewer + 1, frame * 1000 / RATE + 1, 20, x, y])
  return np.array(rows, np.float64)


def write_ledov(root, names=('animal_a', 'man_b', 'woman_c'), rows=None):
  """Writes a video for each of the three lists."""
  for name in names:
    write_video(root / name / f'{name}.mp4')
    data = {
      'VideoFrames': FRAMES,
      'VideoFrameRate': float(RATE),
      'VideoSize': [SIZE[1], SIZE[0]],
      'fixdata': ledov_rows() if rows is None else rows,
    }
    scipy.io.savemat(root / name / 'Data.mat', {'Data': data})
  lists = dict(zip(('trainlist', 'vaildlist', 'testlist'), names, strict=True))
  scipy.io.savemat(
    root / 'namelist.mat',
    {key: np.array([[name]], object) for key, name in lists.items()},
  )
  return root


def write_mvva(root, numbers=(3, 169, 200)):
  """Writes clips with gaze in 1280 x 720; each is in one fold's test list."""
  (root / 'fold_lists').mkdir(parents=True)
  for number in numbers:
    write_video(root / 'raw_videos' / f'{number}.mp4', sound=False)
    layouts.write_wav(root / 'raw_audios' / f'{number}.wav', FRAMES / RATE)
    positions = np.array([points_at(f).T for f in range(FRAMES)], np.float64)
    positions *= [[1280 / SIZE[1]], [720 / SIZE[0]]]
    positions[3, :, 0] = np.nan  # [frames, 2, viewers].
    path = root / 'all_videos_all_frames_fixation' / f'{number}.npy'
    path.parent.mkdir(exist_ok=True)
    np.save(path, positions)
  for fold, held_out in enumerate(numbers, 1):
    for part in ('train', 'test'):
      chosen = [n for n in numbers if (n == held_out) == (part == 'test')]
      (root / 'fold_lists' / f'MVVA_list_{part}_{fold}_fps.txt').write_text(
        ''.join(f'video_{n:03d} {FRAMES} {RATE:.1f}\n' for n in chosen)
      )
  return root
