"""The command `memat`: adapters put on model folders, taken off, and shown."""

import argparse
import logging
import sys
from pathlib import Path

from memat.errors import MematError
from memat.version import __version__


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 1 where it was refused, with the reason."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        sys.stdout.write(_run(chosen) + "\n")
    except MematError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memat", description=__doc__)
    parser.add_argument("--version", action="version", version=f"memat {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="apply | remove | show")
    apply = commands.add_parser("apply", help="a new model folder with an adapter in its weights")
    apply.add_argument("model", type=Path, help="folder of the model")
    apply.add_argument("adapter", type=Path, help="folder of the adapter")
    apply.add_argument("new_folder", type=Path)
    remove = commands.add_parser("remove", help="a new model folder without one of its adapters")
    remove.add_argument("model", type=Path, help="folder that `memat apply` made")
    remove.add_argument("name", help="name of the adapter, as `memat show` gives it")
    remove.add_argument("new_folder", type=Path)
    show = commands.add_parser("show", help="facts, layers and sizes of an adapter or edited model")
    show.add_argument("folder", type=Path)
    return parser


def _run(chosen: argparse.Namespace) -> str:
    # torch is loaded here, so that `memat --help` answers at once
    from memat.editor.edited_folder import apply_adapter, remove_adapter, shown

    if chosen.command == "show":
        return shown(chosen.folder)
    if chosen.command == "apply":
        names = apply_adapter(chosen.model, chosen.adapter, chosen.new_folder)
    else:
        names = remove_adapter(chosen.model, chosen.name, chosen.new_folder)
    return f"{chosen.new_folder}: carries {', '.join(names) or 'no adapter'}"


if __name__ == "__main__":
    sys.exit(main())
