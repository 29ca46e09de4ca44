"""The benchmark: how fast explainer models are, beside the plain model and beside the peers.

``make bench`` runs it. One configuration is measured in one fresh process, because two runtimes in one process
disturb each other through their spinning threads; configurations take turns, so that a machine that slows down slows
them all; results are lines of JSON, so that an interrupted run goes on where it stopped.

::

    __main__        takes turns, keeps the results, writes the report
    configurations  what is measured
    worker          measures one configuration in its own process
      onnx_side       the plain model and the artifact in ONNX Runtime; gpu: the same with CUDA
      torch_side      the peers
      service         requests from several threads
      pictures        what reading and drawing pictures takes
      start           process start to first explanation
      install         what has to be installed
      profiling       where the time goes, node kind by node kind
    networks        the networks, and their exports, kept on disk
    results         what counts of the rounds, and ratios
    targets         what was to be reached
    report, plots   docs/benchmarks.md and the README's table
    optimised       a tool: what ONNX Runtime's optimiser makes of a model
"""
