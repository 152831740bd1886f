"""Under pytest every shape in a signature is checked at run time."""

from jaxtyping import install_import_hook

install_import_hook("csakd", "shape_checker.checked")
