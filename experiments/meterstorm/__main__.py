"""`python -m meterstorm`: the command line."""

from meterstorm.experiments.cli.main import main

if __name__ == "__main__":
    main()
