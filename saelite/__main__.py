"""``python -m saelite``, and the ``saelite`` command."""

import sys


def main() -> None:
    """Run the command; one that runs for long minds its signals before it loads anything."""
    if sys.argv[1:2] == ["run"]:
        from saelite.early_signals import signals_held

        with signals_held():
            _command()
    else:
        _command()


def _command() -> None:
    from saelite.cli import main as command

    command()


if __name__ == "__main__":
    main()
