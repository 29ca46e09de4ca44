"""The command line: ``python -m zoo names``, ``run [NAME…]``, ``table``; ``one NAME`` is what ``run`` starts."""

from __future__ import annotations

import argparse

from support.models import declare_torchvision_operators


def main() -> None:
    """Does what the command says."""
    parser = argparse.ArgumentParser(prog="zoo", description="Tries the export on torchvision and timm.")
    parser.add_argument("command", choices=["names", "run", "one", "table"])
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    declare_torchvision_operators()
    from zoo import attempt, networks, table

    if arguments.command == "names":
        print("\n".join(networks.names()))
    elif arguments.command == "run":
        attempt.run(arguments.names)
    elif arguments.command == "one":
        attempt.print_one(arguments.names[0])
    else:
        table.TABLE.write_text(table.table(), encoding="utf-8")


if __name__ == "__main__":
    main()
