"""What other runtimes and tools make of an explainer model: ``make portability`` writes ``docs/portability.md``.

Each runtime has an environment of its own, and each form of the model is opened and run in a process of its own, since
some end the process. Times are of one thread's processor, so that other work on the machine does not change them much.

::

    __main__      runs the rows and keeps the results
    rows          the runtimes and tools, with the packages that they need
    environments  their environments, of pip or npm
    forms         the forms of one model, and what each level must give
    measure       opens and runs one form in this process; every runtime's module calls it
      runtimes/     one module for each runtime
    report        the document
"""
