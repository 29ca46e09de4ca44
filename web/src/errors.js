/**
 * Every error that a user of onnxcam can cause, named as in Python.
 *
 * Each message is one sentence that says what is wrong, where, and what to do about it.
 */

/** The base of all errors that a user can cause. */
export class OnnxCamError extends Error {
  name = "OnnxCamError";
}

/** @param {string} name */
const kind = (name) =>
  class extends OnnxCamError {
    name = name;
  };

/** The model is missing, corrupt, not an explainer model, or from another schema. */
export const ModelError = kind("ModelError");

/** The image is empty, too long, or not an image. */
export const PictureError = kind("PictureError");

/** The input tensor has the wrong rank, shape or type, or is not finite. */
export const TensorError = kind("TensorError");

/** The class, the rank, or the number of targets does not fit the model or the batch. */
export const TargetError = kind("TargetError");

/** The model has no such target layer. */
export const LayerError = kind("LayerError");

/** The model, or the level it was run at, cannot give this explanation. */
export const MethodError = kind("MethodError");
