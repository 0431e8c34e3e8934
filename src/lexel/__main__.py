"""`python -m lexel` is `lexel`."""

from lexel.cli.app import main

if __name__ == "__main__":
    main()
