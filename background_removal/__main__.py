"""``python -m background_removal``: the command line."""

from background_removal.cli.main import run_and_exit

if __name__ == "__main__":
    run_and_exit()
