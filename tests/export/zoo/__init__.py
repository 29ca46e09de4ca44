"""How far the export reaches: tries it on the model zoos of torchvision and timm, and writes a table.

::

    cd tests/export
    python -m zoo run        # hours; goes on where it stopped
    python -m zoo run NAME…  # these networks, again
    python -m zoo files      # the same of files that PyTorch's older exporter makes of them
    python -m zoo table      # writes zoo/table.md

Every network gets a process of its own, with a time and a memory limit, random weights and a small input. What came out
is added to zoo/results.jsonl, or of files to zoo/files.jsonl, one line a network. All of torchvision's classification
networks are tried; of timm, which has well over a thousand, the smallest of every family: of those that share a module
and the first word of their names.
"""
