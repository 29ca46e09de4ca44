"""The command line: ``python -m zoo names``, ``run [NAME…]``, ``files [NAME…]``, ``table``.

``one NAME`` and ``file NAME`` are what ``run`` and ``files`` start.
"""

from __future__ import annotations

import argparse

from support.models import declare_torchvision_operators


def main() -> None:
    """Does what the command says."""
    parser = argparse.ArgumentParser(prog="zoo", description="Tries the export on torchvision and timm.")
    parser.add_argument("command", choices=["names", "run", "files", "one", "file", "table"])
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    declare_torchvision_operators()
    from zoo import attempt, networks, table

    if arguments.command == "names":
        print("\n".join(networks.names()))
    elif arguments.command in attempt.KINDS:
        attempt.run(arguments.names, attempt.KINDS[arguments.command])
    elif arguments.command in {"one", "file"}:
        attempt.print_one(arguments.names[0], attempt.try_one if arguments.command == "one" else attempt.try_file)
    else:
        table.TABLE.write_text(table.table(), encoding="utf-8")


if __name__ == "__main__":
    main()
