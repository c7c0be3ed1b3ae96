"""All data sets, with their TFDS builders; importing this registers them."""

from dave_jax.datasets import (
  action_videos,
  davos,
  dhf1k,
  folder,
  images,
  ledov,
  mouse_tracks,
  mvva,
  photographs,
  salicon,
  stavis,
)
from dave_jax.datasets.builder import Config, SaliencyBuilder, builder_class
from dave_jax.datasets.simulation import sounding_shapes

# {name: its configurations, the first of which is the default}.
SETS: dict[str, tuple[Config, ...]] = {
  'davos': davos.DAVOS,
  'stavis': stavis.STAVIS,
  'dhf1k': (dhf1k.DHF1K,),
  'crowdsal': (mouse_tracks.CROWDSAL,),
  'ntire2026': (mouse_tracks.NTIRE2026,),
  'avimos': (mouse_tracks.AVIMOS,),
  'mvva': (mvva.MVVA,),
  'ledov': (ledov.LEDOV,),
  'hollywood2': (action_videos.HOLLYWOOD2,),
  'ucf_sports': (action_videos.UCF_SPORTS,),
  'salicon': (salicon.SALICON,),
  'osie': (photographs.OSIE,),
  'scene500': (photographs.SCENE500,),
  'eyecrowd': (photographs.EYECROWD,),
  'mit1003': (images.MIT1003,),
  'cat2000': (images.CAT2000,),
  'folder': (folder.FOLDER,),
  'sounding_shapes': (sounding_shapes.SOUNDING_SHAPES,),
  'sounding_images': (sounding_shapes.SOUNDING_IMAGES,),
}
# The TFDS builders, which `tfds.builder(name)` finds too.
BUILDERS: dict[str, type[SaliencyBuilder]] = {
  name: builder_class(name, configs) for name, configs in SETS.items()
}
