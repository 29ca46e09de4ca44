"""A job of ``onnxcam explain``: images in worker threads, files and lines in order, and the manifest of a folder."""
