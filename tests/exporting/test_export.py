"""Exported networks compute what the network in JAX computes."""

import jax
import numpy as np
import pytest

import dave_jax
from dave_jax import export
from dave_jax.exporting.programs import make_program
from dave_jax.models.dave import DAVE
from dave_jax.prediction.saliency_model import SaliencyModel
from tests.conftest import random_variables

FIELDS = {
  'resnet3d': {'depth': 10, 'width': 2},
  'bottleneck': {
    'depth': 50,
    'width': 2,
    'shortcut': 'B',
    'decoder_batch_norm': True,
  },
  'video': {'depth': 10, 'width': 2, 'modality': 'video'},
  'audio': {'depth': 10, 'width': 2, 'modality': 'audio'},
}


def _model(name, size):
  if name == 'bundled':
    return dave_jax.load()
  module = DAVE(frame_size=size, **FIELDS[name])
  return SaliencyModel(
    module, random_variables(module), origin={}, fingerprint='random'
  )


def _session(path):
  runtime = pytest.importorskip('onnxruntime')
  return runtime.InferenceSession(path, providers=['CPUExecutionProvider'])


def _run(session, inputs):
  names = [output.name for output in session.get_outputs()]
  return dict(zip(names, session.run(None, inputs), strict=True))


def _random(inputs, seed=0):
  rng = np.random.default_rng(seed)
  return {
    name: rng.integers(0, 256, x.shape, np.uint8)
    if x.dtype == np.uint8
    else rng.normal(0, 1, x.shape).astype(np.float32)
    for name, x in inputs.items()
  }


def _expected(model, frames, log_mel):
  video = None if frames is None else dave_jax.normalise(frames)
  return np.asarray(model(video, log_mel))


def _assert_close(actual, expected):
  """To 1e-4 of the peak."""
  np.testing.assert_allclose(actual, expected, atol=1e-4 * expected.max())
  # A constant map would be no test.
  assert expected.std() > 1e-3 * expected.max()


@pytest.mark.parametrize(
  'name, size, batch',
  [
    ('resnet3d', (64, 96), 1),
    pytest.param('resnet3d', (96, 64), 2, marks=pytest.mark.slow),
    ('video', (64, 64), 1),
    ('audio', (64, 64), 1),
    pytest.param('bundled', (64, 96), 1, marks=pytest.mark.slow),
    pytest.param('bundled', (96, 64), 1, marks=pytest.mark.slow),
    pytest.param('bottleneck', (64, 64), 1, marks=pytest.mark.slow),
  ],
)
def test_window_in_onnx(tmp_path, name, size, batch):
  pytest.importorskip('onnx')
  model = _model(name, size)
  program = make_program(
    model, 'window', size=size, batch=batch, lax_kernels=True
  )
  export.write_onnx(program, tmp_path / 'window.onnx')
  session = _session(tmp_path / 'window.onnx')
  assert {x.name: tuple(x.shape) for x in session.get_inputs()} == {
    name: x.shape for name, x in program.inputs.items()
  }
  inputs = _random(program.inputs)
  expected = _expected(model, inputs.get('frames'), inputs.get('log_mel'))
  assert expected.shape == (batch, size[0] // 8, size[1] // 8)
  _assert_close(_run(session, inputs)['saliency'], expected)


@pytest.mark.parametrize(
  'name', ['resnet3d', pytest.param('bundled', marks=pytest.mark.slow)]
)
def test_stream_in_onnx_equals_whole_windows(tmp_path, name):
  pytest.importorskip('onnx')
  size = (64, 64)
  model = _model(name, size)
  sessions, inputs = {}, {}
  for program in ('stream_start', 'stream_step'):
    made = make_program(model, program, size=size, lax_kernels=True)
    export.write_onnx(made, tmp_path / f'{program}.onnx')
    sessions[program] = _session(tmp_path / f'{program}.onnx')
    inputs[program] = made.inputs
  frames = [_random(inputs['stream_start'], n)['frame'] for n in range(20)]
  (log_mel,) = (
    x for n, x in _random(inputs['stream_step']).items() if n == 'log_mel'
  )
  state = _run(sessions['stream_start'], {'frame': frames[0]})
  shown = [frames[0]] * 16
  for n, frame in enumerate(frames):
    shown = [*shown[1:], frame]
    out = _run(
      sessions['stream_step'], {'frame': frame, 'log_mel': log_mel, **state}
    )
    saliency = out.pop('saliency')
    state = {key.removeprefix('new_'): x for key, x in out.items()}
    if n in (0, 4, 19):
      expected = _expected(model, np.stack(shown)[None], log_mel)
      _assert_close(saliency, expected[0])


def test_window_in_stablehlo(tmp_path):
  pytest.importorskip('flatbuffers')
  size = (64, 64)
  model = _model('video', size)
  program = make_program(model, 'window', size=size)
  export.write_stablehlo(program, tmp_path / 'window.stablehlo')
  exported = jax.export.deserialize(
    bytearray((tmp_path / 'window.stablehlo').read_bytes())
  )
  assert exported.platforms == export.PLATFORMS
  inputs = _random(program.inputs)
  expected = _expected(model, inputs['frames'], None)
  _assert_close(exported.call(inputs)['saliency'], expected)


def test_command_line(checkpoint, tmp_path, capsys):
  pytest.importorskip('onnx')
  command = [f'--checkpoint={checkpoint}', '--to=onnx', '--height=32']
  assert export.main([*command, f'--out={tmp_path / "a.onnx"}']) == 0
  lines = capsys.readouterr().out.splitlines()
  assert 'input  frames: uint8 [1, 16, 32, 96, 3]' in lines
  assert 'output saliency: float32 [1, 4, 12]' in lines
  assert (tmp_path / 'a.onnx').stat().st_size > 1000


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--height=40'], 'expected a height and width divisible by 32'),
    (['--checkpoint=nowhere'], 'nowhere'),
  ],
)
def test_wrong_requests_are_refused(tmp_path, capsys, flags, message):
  out = tmp_path / 'a.onnx'
  assert export.main(['--to=onnx', f'--out={out}', *flags]) == 1
  assert message in capsys.readouterr().err
  assert not out.exists()


def test_a_stream_needs_frames(tmp_path):
  model = _model('audio', (64, 64))
  with pytest.raises(ValueError, match='audio-only network has no stream'):
    make_program(model, 'stream_step', size=(64, 64))
