/**
 * Every error that a user of onnxcam can cause, named as in Python.
 *
 * Each message is one sentence that says what is wrong, where, and what to do about it.
 */

/** The base of all errors that a user can cause. */
export class OnnxCamError extends Error {
  name = "OnnxCamError";
}

/** The model is missing, corrupt, not an explainer model, or from a newer schema. */
export class ModelError extends OnnxCamError {
  name = "ModelError";
}

/** The image is empty, too long, or not an image. */
export class PictureError extends OnnxCamError {
  name = "PictureError";
}

/** The input tensor has the wrong rank, shape or type, or is not finite. */
export class TensorError extends OnnxCamError {
  name = "TensorError";
}

/** The class, the rank, or the number of targets does not fit the model or the batch. */
export class TargetError extends OnnxCamError {
  name = "TargetError";
}

/** The model has no such target layer. */
export class LayerError extends OnnxCamError {
  name = "LayerError";
}

/** The model, or the level it was run at, cannot give this explanation. */
export class MethodError extends OnnxCamError {
  name = "MethodError";
}
