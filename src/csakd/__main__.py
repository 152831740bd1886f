"""`python -m csakd`."""

import sys

from csakd.cli import main

sys.exit(main())
