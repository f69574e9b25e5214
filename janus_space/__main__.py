"""`python -m janus_space VERB …`: the command line of the Space."""

import sys

from janus_space.cli import main

if __name__ == "__main__":
    sys.exit(main())
