"""Run the command line as `python -m npvae`."""

import sys

from npvae.cli import main

sys.exit(main())
