"""The benchmark: how fast explainer models are, beside the plain model and beside the peers in PyTorch.

``make bench`` runs it. Each configuration is measured in a fresh process, because two runtimes in one process disturb
each other through their spinning threads. Configurations take turns, so that a machine that slows down slows them all.
Results are lines of JSON, so that an interrupted run goes on where it stopped.

::

    __main__        takes turns and keeps the results
    configurations  what is measured
    worker          measures one configuration in its own process
      onnx_side       the plain model and the artifact in ONNX Runtime
      gpu             the same with CUDA, and what is measured there
      peers           captum, pytorch-grad-cam and autograd
      memory_use      the memory of an Explainer
      start_up        from the start of a process to its first explanation
    networks        the networks that are measured
    exports         their exports, kept on disk
    results         which of the rounds counts
    report          the tables in docs/performance.md and the README
"""
