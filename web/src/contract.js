/** The names of the inputs and outputs that an explainer model adds: the artifact's contract. */

export const METADATA_KEY = "onnxcam";

export const LEVEL_INPUT = "onnxcam.level";
export const TARGET_INPUT = "onnxcam.target";
export const SEED_INPUT = "onnxcam.seed";

export const SCORES_OUTPUT = "onnxcam.scores";
export const CLASS_INDEX_OUTPUT = "onnxcam.class_index";
export const ACTIVATIONS_PREFIX = "onnxcam.activations/";
export const GRADIENTS_PREFIX = "onnxcam.gradients/";
export const GUIDED_GRAD_CAM_PREFIX = "onnxcam.guided_grad_cam/";
export const GUIDED_OUTPUT = "onnxcam.guided_gradients";
export const INPUT_GRADIENTS_OUTPUT = "onnxcam.input_gradients";
