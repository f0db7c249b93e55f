"""`python -m swift_lib` is `swift`, also where another `swift` comes first on the PATH."""

import sys

from swift_lib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
