"""`python -m crossmem.reproduce`: the command of `crossmem.workbook.reproduce`."""

import sys

from crossmem.workbook.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
