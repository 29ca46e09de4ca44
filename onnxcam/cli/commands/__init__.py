"""The declarations of the commands: options and help.

What a command needs to run is imported when it runs, so that ``--help`` and the other commands are fast.
"""
