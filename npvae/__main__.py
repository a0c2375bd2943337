"""`python -m npvae` is `npvae`."""

import sys

from npvae.cli import main

sys.exit(main())
