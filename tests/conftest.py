"""Under pytest every shape in a signature is checked at run time."""

import os

from jaxtyping import install_import_hook

# Threads that wait for each other in tiny operations cost more than they save, above all on busy machines.
os.environ.setdefault("OMP_NUM_THREADS", "1")
install_import_hook("csakd", "shape_checker.checked")
