"""``onnxcam serve`` beside the bare session, under a load generator; and a soak of mixed requests."""
