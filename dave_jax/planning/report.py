"""A plan as text and as JSON."""

import dataclasses
import pathlib

from dave_jax.files import write_json, write_text
from dave_jax.planning.plan import Plan, Trial, describe

_GIB = 2**30


def write_plan(folder: pathlib.Path, plan: Plan) -> str:
  """Writes FOLDER/plan.json and plan.md, and returns the text of the latter."""
  folder.mkdir(parents=True, exist_ok=True)
  text = plan_text(plan)
  write_json(folder / 'plan.json', plan_facts(plan))
  write_text(folder / 'plan.md', text)
  return text


def plan_facts(plan: Plan) -> dict:
  """Returns a plan for JSON."""
  return dataclasses.asdict(plan) | {
    'routes': {
      name: dataclasses.asdict(route)
      | {
        'memory_total': route.program.memory.total,
        'bound_seconds': route.bound.seconds,
        'limit': route.bound.limit,
      }
      for name, route in plan.routes.items()
    },
    'hours': plan.hours if plan.routes else None,
    'chip_hours': plan.hours * plan.topology.chips if plan.routes else None,
  }


def plan_text(plan: Plan) -> str:
  """Returns a plan in Markdown, each figure with where it comes from."""
  machine, chip = plan.topology, plan.topology.chip
  source = 'estimated' if plan.estimate else 'compiled'
  lines = [
    f'# Plan for {machine.name}',
    '',
    f'{machine.chips} x {chip.name}, mesh data={plan.mesh["data"]}; '
    f'batch {plan.batch_size}, '
    f'{plan.batch_size / plan.mesh["data"]:g} examples a part; {plan.dtype}.',
    '',
  ]
  if plan.estimate:
    lines += [
      '**An estimate: no GPU compiler was asked.** Operations are of the '
      'program as written; memory, and bytes from and to it, are of the same '
      'program compiled for a CPU; what is sent is the sum of gradients.',
      '',
    ]
  lines += [f'- {note}.' for note in plan.notes]
  lines += [f'- {_precision(plan)}', '', '## Memory', '']
  lines += [_verdict(plan), '']
  if plan.routes:
    lines += [
      f'| {source}, GiB a chip | arguments | temporaries | output, new | code '
      '| total |',
      '| --- | --- | --- | --- | --- | --- |',
    ]
    for name, route in plan.routes.items():
      m = route.program.memory
      values = (
        m.arguments,
        m.temporaries,
        m.output - m.aliased,
        m.code,
        m.total,
      )
      cells = ' | '.join(f'{value / _GIB:.3f}' for value in values)
      lines.append(f'| {name} | {cells} |')
    lines.append('')
  lines += _trials(plan)
  if plan.routes:
    lines += _costs(plan, source)
  return '\n'.join(lines) + '\n'


def _precision(plan):
  if plan.dtype != 'float32':
    return 'Matrices are multiplied in bfloat16 and summed in float32.'
  if plan.topology.chip.maker == 'tpu':
    return (
      "Float32 is multiplied at XLA's default precision: on TPUs, factors "
      'rounded to bfloat16, one pass, summed in float32. '
      'JAX_DEFAULT_MATMUL_PRECISION=highest takes six passes, and compute six '
      'times as long.'
    )
  return (
    "Float32 is multiplied at XLA's default precision: TensorFloat-32 on "
    'these GPUs.'
  )


def _verdict(plan):
  has = plan.topology.chip.memory
  if plan.fits:
    return (
      f'**Fits**: {plan.needed / _GIB:.2f} of {has / _GIB:.1f} GiB a chip '
      f'({plan.needed / has:.0%}).'
    )
  if plan.needed is None:
    return f'**Does not fit** {has / _GIB:.1f} GiB a chip.'
  return (
    f'**Does not fit**: at least {plan.needed / _GIB:.2f} GiB a chip of '
    f'{has / _GIB:.1f}, {(plan.needed - has) / _GIB:.2f} too many.'
  )


def _trials(plan):
  if not plan.trials:
    return []
  lines = [f'- {describe(trial, plan.topology)}' for trial in plan.trials]
  if not plan.fits:
    fitting = [t for t in plan.trials if t.fits]
    head = 'Tried instead:' if fitting else 'Nothing of this fits either:'
    return [head, '', *lines, '- more chips, for the same batch', '']
  first = Trial('', plan.batch_size, plan.needed, True)
  fitting = max(t.batch_size for t in (first, *plan.trials) if t.fits)
  over = [t.batch_size for t in plan.trials if not t.fits]
  parts = plan.mesh['data']
  head = (
    f'Largest batch that fits, of those tried: {fitting}, '
    f'{fitting / parts:g} a part'
  )
  if over:
    head += f'; {min(over)}, {min(over) / parts:g} a part, does not'
  else:
    head += '; larger ones were not tried'
  return [f'{head}.', '', *lines, '']


def _costs(plan, source):
  lines = [
    '## A step',
    '',
    f'| route | TFLOP a chip ({source}) | GB moved ({source}) | GB sent '
    '(calculated) | compute ms | memory ms | network ms | longest, ms | '
    'limit |',
    '| --- ' * 9 + '|',
  ]
  for name, route in plan.routes.items():
    costs, bound = route.program.costs, route.bound
    cells = [
      name,
      f'{costs.flops / 1e12:.3g}',
      f'{costs.bytes_moved / 1e9:.3g}',
      f'{costs.bytes_sent / 1e9:.3g}',
      *(
        f'{1e3 * value:.3g}'
        for value in (
          bound.compute,
          bound.memory,
          bound.network,
          bound.seconds,
        )
      ),
      bound.limit,
    ]
    lines.append(f'| {" | ".join(cells)} |')
  lines += [
    '',
    'Times are calculated: costs over published rates, all at once; reading '
    'data is not in them. Bytes moved are operands and results of every '
    'operation, as the compiler counts them; what it keeps on the chip between '
    'two is among them, so that memory may take less.',
    '',
    f'| route | sent ({source}) | operations | MB of results a chip |',
    '| --- | --- | --- | --- |',
  ]
  for name, route in plan.routes.items():
    lines += [
      f'| {name} | {c.kind} | {c.count} | {c.size / 1e6:.3g} |'
      for c in route.program.collectives
    ] or [f'| {name} | nothing | 0 | 0 |']
  steps = ', '.join(f'{r.steps} {n}' for n, r in plan.routes.items())
  lines += [
    '',
    '## The run',
    '',
    f'{steps} steps: {plan.hours:.3g} hours, '
    f'{plan.hours * plan.topology.chips:.3g} chip-hours (calculated).',
  ]
  return lines
