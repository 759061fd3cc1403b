"""`python -m crossmem.reproduce`: the command of `crossmem.workbook.reproduce`."""

import sys

if __name__ == "__main__":
    try:
        from crossmem.workbook.reproduce import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the libraries were being loaded
        sys.exit(130)
