"""The format of TFLite metadata as data: a FlatBuffers file of its own, kept in a buffer of the model.

The notation is that of `flatbuffer_schema`.
"""

from __future__ import annotations

from edgerun.formats.flatbuffer_schema import Enums, Schema, parse_tables

# The name of the buffer in the model's table of metadata.
BUFFER_NAME = "TFLITE_METADATA"

# What is only shown or looked up is stored as a number here and named below: later versions of the format
# have added values, which must not make the rest unreadable.
_ENUMS: Enums = {}
FILE_TYPES = (
    "unknown",
    "descriptions",
    "tensor_axis_labels",
    "tensor_value_labels",
    "tensor_axis_score_calibration",
    "vocabulary",
)
COLOUR_SPACES = ("unknown", "rgb", "grayscale")

# The position in these lists, counted from 1, is the code in the union.
CONTENTS = ("FeatureProperties", "ImageProperties", "BoundingBoxProperties")
PROCESS_UNITS = ("NormalizationOptions", "ScoreCalibrationOptions", "ScoreThresholdingOptions")

_TABLES = """
ModelMetadata name:string description:string version:string subgraph_metadata:[SubGraphMetadata]
    author:string license:string associated_files:[AssociatedFile] min_parser_version:string
SubGraphMetadata name:string description:string input_tensor_metadata:[TensorMetadata]
    output_tensor_metadata:[TensorMetadata] associated_files:[AssociatedFile]
TensorMetadata name:string description:string _ content:Content process_units:[ProcessUnit]
    stats:Stats associated_files:[AssociatedFile]
Content content_properties_type:uint8 content_properties:union
FeatureProperties
ImageProperties color_space:int8 default_size:ImageSize
ImageSize width:uint32 height:uint32
BoundingBoxProperties index:[uint32] type:int8 coordinate_type:int8
ProcessUnit options_type:uint8 options:union
NormalizationOptions mean:[float32] std:[float32]
ScoreCalibrationOptions score_transformation:int8 default_score:float32
ScoreThresholdingOptions global_score_threshold:float32
Stats max:[float32] min:[float32]
AssociatedFile name:string description:string type:int8 locale:string
"""

TABLES = {table.name: table for table in parse_tables(_TABLES, _ENUMS)}
SCHEMA = Schema("TFLite metadata buffer", b"M001", "ModelMetadata", TABLES)
