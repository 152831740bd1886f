"""Sphinx settings. Build with `sphinx-build -W -b html docs docs/_build/html`."""

from importlib import metadata

project = "csakd"
author = "csakd maintainers"
copyright = author
release = version = metadata.version("csakd")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
html_theme = "furo"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
default_role = "code"  # docstrings mark code with single backticks

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False  # the signature has the types
