"""The benchmark: the speed and memory of explainer models, beside the plain model and the peers in PyTorch.

``make bench`` runs it. Each configuration is measured in its own process, because the spinning threads of two runtimes
in one process slow each other down. Configurations take turns, so that a machine that slows down slows all of them.
Results are lines of JSON, so that an interrupted run continues where it stopped.

::

    __main__        runs the configurations in turn and keeps the results
    configurations  the configurations
    worker          measures one configuration in its own process
      onnx_side       the plain model and the artifact in ONNX Runtime, with a session or an Explainer
      gpu             the same with CUDA, and its configurations
      peers           captum, pytorch-grad-cam and autograd
      start_up        the time from the start of a process to its first explanation
    networks        the networks
    exports         their exports, kept on disk
    results         the results of all rounds
    report          the tables in docs/performance.md and the README
"""
