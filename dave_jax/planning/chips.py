"""What makers publish of accelerators."""

import dataclasses

_GIB = 2**30
_GB = 1e9


@dataclasses.dataclass(frozen=True)
class Chip:
  """Published rates of an accelerator, which programs come near to at best.

  Attributes:
    name: As in a topology.
    maker: 'tpu' or 'gpu'.
    memory: Bytes.
    memory_rate: Bytes a second from and to memory.
    bfloat16_rate: Floating-point operations a second of matrices of bfloat16,
      dense.
    float32_rate: The same for float32 as XLA computes it where nobody asks for
      more: on TPUs it rounds the factors to bfloat16, one pass at the rate of
      bfloat16 (precision 'high' takes 3 passes, 'highest' 6); on GPUs it uses
      TensorFloat-32.
    network_rate: Bytes a second that a chip sends over all its links together,
      to chips of its machine or, of TPUs, of its slice.
    machine: Chips that `network_rate` reaches; 0: all of a slice.
    between_rate: Bytes a second that a chip sends to other machines.
  """

  name: str
  maker: str
  memory: float
  memory_rate: float
  bfloat16_rate: float
  float32_rate: float
  network_rate: float
  machine: int = 0
  between_rate: float = 0.0

  def matrix_rate(self, dtype: str) -> float:
    """Returns operations a second of matrices of a type."""
    return self.bfloat16_rate if dtype == 'bfloat16' else self.float32_rate

  def sending_rate(self, chips: int) -> float:
    """Returns bytes a second that a chip sends where so many take part."""
    if self.machine and chips > self.machine:
      return self.between_rate
    return self.network_rate


def _tpu(name, memory, memory_rate, rate, network_rate):
  return Chip(
    name,
    'tpu',
    memory * _GIB,
    memory_rate * _GB,
    rate * 1e12,
    rate * 1e12,
    network_rate * _GB,
  )


def _gpu(name, memory, memory_rate, rates, network_rate, machine, between):
  bfloat16, tf32 = rates
  return Chip(
    name,
    'gpu',
    memory * _GB,
    memory_rate * _GB,
    bfloat16 * 1e12,
    tf32 * 1e12,
    network_rate * _GB,
    machine,
    between * _GB,
  )


# TPUs: the pages "TPU v4", "v5e", "v5p" and "v6e" of cloud.google.com/tpu/docs;
# networks one way, half of what they give for both, and of v4, where they give
# none, 6 links of 45 GB/s (jax-ml.github.io/scaling-book/tpus).
# GPUs: NVIDIA's data sheets of H100 and H200 SXM, A100 SXM of 80 and 40 GB, L4
# and L40S, dense rates (sheets print those of sparse matrices, twice as much);
# NVLink or PCIe 4 x16 one way. Between machines: an adapter of 400 Gbit/s for
# each GPU in DGX H100 and H200, of 200 in DGX A100; of L4 and L40S, for which
# there is no such machine, 100 Gbit/s among 8, as clouds rent them.
CHIPS = {
  chip.name: chip
  for chip in (
    _tpu('v4', 32, 1228, 275, 270),
    _tpu('v5e', 16, 819, 197, 200),
    _tpu('v5p', 95, 2765, 459, 600),
    _tpu('v6e', 32, 1638, 918, 400),
    _gpu('a100', 80, 2039, (312, 156), 300, 8, 25),
    _gpu('a100-40', 40, 1555, (312, 156), 300, 8, 25),
    _gpu('h100', 80, 3350, (989.4, 494.7), 450, 8, 50),
    _gpu('h200', 141, 4800, (989.4, 494.7), 450, 8, 50),
    _gpu('l4', 24, 300, (121, 60), 32, 8, 1.56),
    _gpu('l40s', 48, 864, (362, 183), 32, 8, 1.56),
  )
}
