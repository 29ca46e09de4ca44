"""``onnxcam serve``: explainer models over HTTP, by the Open Inference Protocol and by a route for pictures."""
