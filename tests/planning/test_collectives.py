"""Reading what programs send from their text; lines as XLA writes them."""

import pytest

from dave_jax.planning.collectives import read_collectives


def _only(line, chips=8):
  (entry,) = read_collectives(line, chips)
  return entry


def test_an_all_reduce_sends_almost_twice_its_result():
  found = _only(
    '  %all-reduce.3 = f32[64,3]{1,0:T(8,128)} all-reduce(%fusion.1), '
    'channel_id=1, replica_groups=[1,16]<=[16], to_apply=%add'
  )
  # By hand: 64 x 3 numbers of 4 bytes; 2 x 15 / 16 of them.
  assert (found.kind, found.count, found.size) == ('all-reduce', 1, 768)
  assert found.sent == 1440


def test_a_combined_all_reduce_counts_all_its_results():
  found = _only(
    '  %all-reduce = (f32[10]{0}, bf16[4,4]{1,0}, f32[]) '
    'all-reduce-start(%a, %b, %c), replica_groups={{0,1},{2,3}}, to_apply=%add'
  )
  # By hand: 40 + 32 + 4 bytes; 2 x 1 / 2 of them among two.
  assert found.size == 76
  assert found.sent == 76


def test_an_end_is_not_another_operation():
  assert not read_collectives(
    '  %done = f32[10]{0} all-reduce-done(%start)\n'
    '  %p = f32[10]{0} collective-permute-done(%q)',
    8,
  )


@pytest.mark.parametrize(
  ('line', 'size', 'sent'),
  [
    # By hand: of 8 parts of 4 bytes a chip has one, and sends 7 / 8 of 32.
    ('%g = f32[8]{0} all-gather(%x), dimensions={0}', 32, 28),
    ('%g = (f32[1]{0}, f32[8]{0}) all-gather-start(%x)', 32, 28),
    # A part is left of 8, of which 7 go to others.
    ('%s = f32[1]{0} reduce-scatter(%x), to_apply=%add', 4, 28),
    ('%p = u8[2,3]{1,0} collective-permute(%x)', 6, 6),
    (
      '%p = (bf16[2,3]{1,0}, bf16[2,3]{1,0}, u32[]{:S(2)}, u32[]{:S(2)}) '
      'collective-permute-start(%x)',
      12,
      12,
    ),
    ('%a = pred[16]{0} all-to-all(%x)', 16, 14),
  ],
)
def test_each_kind_sends_its_share(line, size, sent):
  found = _only(f'  {line}')
  assert (found.size, found.sent) == (size, sent)


def test_operations_of_a_kind_are_counted_together():
  line = '  %r = f32[2]{0} all-reduce(%x), to_apply=%add'
  found = _only(f'{line}\n  %y = f32[2]{{0}} add(%r, %r)\n{line}', chips=2)
  assert (found.count, found.size, found.sent) == (2, 16, 16)


def test_one_chip_sends_nothing():
  assert _only('  %r = f32[2]{0} all-reduce(%x)', chips=1).sent == 0
