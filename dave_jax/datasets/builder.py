"""The TFDS builder that all data sets share."""

import dataclasses
import pathlib
from collections.abc import Iterator

import tensorflow_datasets as tfds

from dave_jax.datasets import schema
from dave_jax.datasets.records import Storage, read_clip
from dave_jax.datasets.source import Source, SourceClip, SyntheticSource


@dataclasses.dataclass(kw_only=True)
class Config(tfds.core.BuilderConfig):
  """A source of clips and how to store them.

  Attributes:
    source: Reads the downloads; its fields are the source's settings.
    storage: How records are stored.
    citation: BibTeX entry.
    licence: Terms of use of the data.
    homepage: Official page of the data.
    size: Size of the downloads.
    download: What to download, or to ask the authors for.
  """

  source: Source
  storage: Storage = dataclasses.field(default_factory=Storage)
  citation: str = ''
  licence: str = ''
  homepage: str = ''
  size: str = 'not stated'
  download: str = ''

  @property
  def synthetic(self) -> bool:
    """Whether the clips are generated rather than read from downloads."""
    return isinstance(self.source, SyntheticSource)

  def settings(self) -> dict:
    """Returns the settings that determine the records, for JSON."""
    return {
      'source': dataclasses.asdict(self.source),
      **dataclasses.asdict(self.storage),
    }


class SaliencyBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Builds records from a folder of downloads.

  `datasets.prepare` builds in parallel and resumes after an interruption.
  `download_and_prepare(file_format='array_record', download_config=
  tfds.download.DownloadConfig(manual_dir=...))` writes the same records, one
  clip at a time, and stops at the first clip that cannot be read.
  """

  VERSION = tfds.core.Version('1.0.0')
  MANUAL_DOWNLOAD_INSTRUCTIONS = 'Pass the folder of downloads as manual_dir.'

  def _info(self) -> tfds.core.DatasetInfo:
    config = self.builder_config
    return tfds.core.DatasetInfo(
      builder=self,
      description=config.description,
      features=schema.features(),
      homepage=config.homepage,
      citation=config.citation,
      license=config.licence,
      # Records of a clip stay together; the input pipeline shuffles.
      disable_shuffling=True,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager):
    config = self.builder_config
    root = None if config.synthetic else pathlib.Path(dl_manager.manual_dir)
    clips, problems = config.source.find(root)
    if problems:
      raise ValueError('\n'.join(problems))
    self.info.metadata['settings'] = config.settings()
    self.info.metadata['clips'] = []
    splits = dict.fromkeys(clip.split for clip in clips)
    return {
      split: self._generate_examples([c for c in clips if c.split == split])
      for split in splits
    }

  def _generate_examples(
    self, clips: list[SourceClip]
  ) -> Iterator[tuple[int, dict]]:
    config = self.builder_config
    number = 0
    for clip in clips:
      content = read_clip(clip, config.source, config.storage)
      entry = dataclasses.replace(content.entry, first_record=number)
      self.info.metadata['clips'].append(dataclasses.asdict(entry))
      for record in content.records():
        yield number, record
        number += 1


def builder_class(
  name: str, configs: tuple[Config, ...]
) -> type[SaliencyBuilder]:
  """Defines and registers the TFDS builder of a data set, once for each name.

  `tfds.builder(name)` finds it from then on.
  """
  body = {'name': name, 'BUILDER_CONFIGS': configs, '__module__': __name__}
  title = ''.join(part.capitalize() for part in name.split('_'))
  return type(SaliencyBuilder)(title, (SaliencyBuilder,), body)
