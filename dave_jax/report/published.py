"""Published results, shown beside runs on the same data."""

import dataclasses

from dave_jax.report.runs import Run


@dataclasses.dataclass(frozen=True)
class Results:
  """Published results on a data set.

  Attributes:
    note: Where they come from.
    rows: {model: {score: value}}.
  """

  note: str
  rows: dict[str, dict[str, float]]


def overall(run: Run) -> Results:
  """Returns what was published on the data of a run; no rows if nothing."""
  name = _set(run)
  if name == 'davos':
    return Results(_PAPER, _named(_OVERALL, _SCORES, 'paper'))
  if name in _CHALLENGES:
    note, rows = _CHALLENGES[name]
    return Results(note, _named(rows, _CHALLENGE_SCORES, 'published'))
  return Results('', {})


def category(run: Run, name: str) -> dict[str, dict[str, float]]:
  """Returns {model: {score: value}} published on a category of the data."""
  if _set(run) != 'davos':
    return {}
  return _named(_CATEGORIES.get(name, {}), _SCORES, 'paper')


def _set(run):
  """Returns the name of the data set; None if other splits are scored."""
  data = run.metrics['run']['data']
  tested = all(split.endswith('test') for split in data['split'].split('+'))
  return data['set'].partition('/')[0] if tested else None


def _named(rows, scores, source):
  return {
    f'{name} ({source})': dict(zip(scores, values, strict=True))
    for name, values in rows.items()
  }


_PAPER = (
  'Rows marked (paper): Tavakoli et al., arXiv 1905.10693, on the 29 test '
  'videos of DAVoS.'
)
_SCORES = ('NSS', 'AUC_Judd', 'sAUC', 'CC', 'SIM')

# Table 3.
_OVERALL = {
  'Human Infinite': (3.83, 0.8852, 0.7877, 0.7140, 0.574),
  'DAVE, audio + video': (2.45, 0.8818, 0.7268, 0.5457, 0.4493),
  'DAVE, video only': (2.26, 0.8793, 0.7259, 0.5178, 0.4158),
  'DeepVS': (2.05, 0.8603, 0.6996, 0.4666, 0.3733),
  'ACLNet*': (1.98, 0.8698, 0.7003, 0.4755, 0.3793),
  'ACLNet': (1.88, 0.8670, 0.6960, 0.4625, 0.3489),
  'FEVS': (1.71, 0.8532, 0.6777, 0.4217, 0.3629),
  'MEP': (1.59, 0.8443, 0.6623, 0.4029, 0.3263),
  'UHF-D': (1.56, 0.8401, 0.6945, 0.38104, 0.2752),
  'DAVE, audio only': (1.54, 0.8419, 0.6631, 0.3929, 0.3246),
  'AWS-D': (0.99, 0.7309, 0.6537, 0.2317, 0.2248),
  'SEO': (0.55, 0.6899, 0.5512, 0.1276, 0.1946),
}

# Tables 4 and 5.
_CATEGORIES = {
  'Nature': {
    'Human Infinite': (3.31, 0.8806, 0.7724, 0.6961, 0.5603),
    'DAVE, audio + video': (2.27, 0.8773, 0.7233, 0.5392, 0.4504),
    'DAVE, video only': (2.04, 0.8762, 0.7191, 0.5066, 0.4073),
    'MEP': (1.76, 0.8696, 0.6864, 0.4714, 0.3682),
  },
  'Social': {
    'Human Infinite': (3.65, 0.8765, 0.7760, 0.6971, 0.5485),
    'DAVE, audio + video': (2.65, 0.8853, 0.7264, 0.5453, 0.4420),
    'DAVE, video only': (2.45, 0.8824, 0.7275, 0.5136, 0.4080),
    'MEP': (1.35, 0.8196, 0.6337, 0.3147, 0.2744),
  },
  'Misc': {
    'Human Infinite': (3.34, 0.8682, 0.7716, 0.6543, 0.5256),
    'DAVE, audio + video': (2.39, 0.8812, 0.7360, 0.5495, 0.4548),
    'DAVE, video only': (2.25, 0.8774, 0.7373, 0.5321, 0.4335),
    'MEP': (1.73, 0.8446, 0.6754, 0.4378, 0.3422),
  },
}

_CHALLENGE_SCORES = ('AUC_Judd', 'CC', 'SIM', 'NSS')
_CHALLENGES = {
  'avimos': (
    'Rows marked (published): AIM 2024 challenge, scored by its own rules '
    "(protocol 'msu') against mouse tracks.",
    {
      'AIM 2024 winner': (0.894, 0.774, 0.635, 3.464),
      'AIM 2024 centre prior': (0.833, 0.449, 0.424, 1.659),
    },
  ),
  'ntire2026': (
    'Rows marked (published): NTIRE 2026 challenge, scored by its own rules '
    "(protocol 'msu') against mouse tracks.",
    {'NTIRE 2026 winner': (0.892, 0.828, 0.693, 3.323)},
  ),
}
