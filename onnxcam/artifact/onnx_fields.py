"""The numbers of fields in the messages of onnx.proto, as far as they are read or written here."""

MODEL_GRAPH, MODEL_PROPERTY = 7, 14
KEY, VALUE = 1, 2  # of StringStringEntryProto
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_GRAPH = 6
TENSOR_TYPE, TENSOR_FLOATS, TENSOR_NAME, TENSOR_RAW_DATA, TENSOR_EXTERNAL = 2, 4, 8, 9, 13
VALUE_NAME = 1  # of ValueInfoProto
