"""``python -m saelite``."""

from saelite.cli import main

if __name__ == "__main__":
    main()
