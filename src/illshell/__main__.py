"""``python -m illshell``."""

from illshell.cli import main

if __name__ == "__main__":
    main()
