"""The public names of the package, and how they are found."""

import pydoc

import pytest

import dave_jax


@pytest.mark.parametrize('name', dave_jax.__all__)
def test_public_names_are_listed_and_described(name):
  assert name in dir(dave_jax)
  assert getattr(dave_jax, name).__doc__
  page = pydoc.plain(pydoc.render_doc(dave_jax))
  assert f'{name}(' in page


def test_other_names_are_refused():
  with pytest.raises(AttributeError, match="no attribute 'smell'"):
    _ = dave_jax.smell
