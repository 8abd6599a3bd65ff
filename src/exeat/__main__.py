"""`python -m exeat` is the `exeat` command."""

from exeat.cli.main import main

if __name__ == "__main__":
    main()
