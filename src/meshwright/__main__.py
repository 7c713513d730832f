"""`python -m meshwright` is the command `mesh`."""

from meshwright.cli.main import main

if __name__ == "__main__":
    main()
