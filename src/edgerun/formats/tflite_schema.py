"""The TFLite file format as data: types, enums, operators and tables, read by reader and writer.

The notation is that of `flatbuffer_schema`. The position in a list is a number of the format: a tensor
type's or an operator's code, and (counted from 1) the code of an options table in its union.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgerun.formats.flatbuffer_schema import Enums, Schema, parse_tables

IDENTIFIER = b"TFL3"
VERSION = 3


class TensorType(NamedTuple):
    """An element type of tensors.

    `dtype` is None where numpy has no such type. `bits` is the size of one element, packed without
    gaps, and 0 where the size of the data does not follow from the shape. `limits` are the smallest
    and largest value of an integer type.
    """

    name: str
    dtype: np.dtype[Any] | None
    bits: int
    limits: tuple[int, int] | None


def _tensor_type(text: str) -> TensorType:
    name, _, size = text.partition(":")
    dtype = None if size else np.dtype(name.lower())
    bits = int(size) if dtype is None else 8 * dtype.itemsize
    limits = None
    if name.startswith("INT"):
        limits = -(1 << bits - 1), (1 << bits - 1) - 1
    elif name.startswith("UINT"):
        limits = 0, (1 << bits) - 1
    return TensorType(name, dtype, bits, limits)


# Types that numpy has not are given with their bits.
_TENSOR_TYPES = """
FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING:0 BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64
RESOURCE:0 VARIANT:0 UINT32 UINT16 INT4:4 BFLOAT16:16 INT2:2 UINT4:4 FLOAT8_E4M3FN:8 FLOAT8_E5M2:8
"""
TENSOR_TYPES = tuple(map(_tensor_type, _TENSOR_TYPES.split()))
TENSOR_TYPE_CODES = {kind.name: code for code, kind in enumerate(TENSOR_TYPES)}

# Enum -> (scalar that stores it, names of the values 0, 1, 2 ...).
ENUMS: Enums = {
    "TensorType": ("int8", tuple(kind.name.lower() for kind in TENSOR_TYPES)),
    "Padding": ("int8", ("same", "valid")),
    "Activation": ("int8", ("none", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")),
    "MirrorPadMode": ("int8", ("reflect", "symmetric")),
    "LSTMKernelType": ("int8", ("full", "basic")),
    "LSHProjectionType": ("int8", ("unknown", "sparse", "dense")),
    "CombinerType": ("int8", ("sum", "mean", "sqrtn")),
    "WeightsFormat": ("int8", ("default", "shuffled4x16int8")),
    "DimensionType": ("int8", ("dense", "sparse_csr")),
    "RngAlgorithm": ("int8", ("default", "philox", "threefry")),
    "AttributesFormat": ("int8", ("flexbuffers",)),
    "ReduceWindowFunction": (
        "int32",
        ("unsupported", "add", "mul", "minimum", "maximum", "all", "any"),
    ),
    "ComparisonDirection": ("uint32", ("eq", "ne", "ge", "gt", "le", "lt")),
    "ComparisonType": (
        "uint32",
        ("notype", "float", "float_total_order", "signed", "unsigned"),
    ),
}


_FILE_TABLES = """
Model version:uint32 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string
    buffers:[Buffer] _ metadata:[Metadata] signature_defs:[SignatureDef]
OperatorCode deprecated_builtin_code:int8 custom_code:string version:int32=1 builtin_code:int32
SubGraph tensors:[Tensor] inputs:[int32] outputs:[int32] operators:[Operator] name:string
Tensor shape:[int32] type:TensorType buffer:uint32 name:string
    quantization:QuantizationParameters is_variable:bool sparsity:SparsityParameters
    shape_signature:[int32] has_rank:bool _ external_buffer:uint32
QuantizationParameters _ _ scale:[float32] zero_point:[int64] details_type:uint8 _
    quantized_dimension:int32
SparsityParameters traversal_order:[int32] block_map:[int32] dim_metadata:[DimensionMetadata]
DimensionMetadata format:DimensionType dense_size:int32 array_segments_type:uint8
    array_segments:union array_indices_type:uint8 array_indices:union
Int32Vector values:[int32]
Uint16Vector values:[uint16]
Uint8Vector values:[uint8]
Operator opcode_index:uint32 inputs:[int32] outputs:[int32] builtin_options_type:uint8
    builtin_options:union custom_options:[uint8] _ _ intermediates:[int32]
    large_custom_options_offset:uint64 large_custom_options_size:uint64
    builtin_options_2_type:uint8 builtin_options_2:union
Buffer data:[uint8] offset:uint64 size:uint64
Metadata name:string buffer:uint32
SignatureDef inputs:[TensorMap] outputs:[TensorMap] signature_key:string _ subgraph_index:uint32
TensorMap name:string tensor_index:uint32
"""

_BUILTIN_OPTIONS = """
Conv2DOptions padding:Padding stride_w:int32 stride_h:int32 fused_activation_function:Activation
    dilation_w_factor:int32=1 dilation_h_factor:int32=1 quantized_bias_type:TensorType
DepthwiseConv2DOptions padding:Padding stride_w:int32 stride_h:int32 depth_multiplier:int32
    fused_activation_function:Activation dilation_w_factor:int32=1 dilation_h_factor:int32=1
ConcatEmbeddingsOptions num_channels:int32 num_columns_per_channel:[int32]
    embedding_dim_per_channel:[int32]
LSHProjectionOptions type:LSHProjectionType
Pool2DOptions padding:Padding stride_w:int32 stride_h:int32 filter_width:int32 filter_height:int32
    fused_activation_function:Activation
SVDFOptions rank:int32 fused_activation_function:Activation asymmetric_quantize_inputs:bool
RNNOptions fused_activation_function:Activation asymmetric_quantize_inputs:bool
FullyConnectedOptions fused_activation_function:Activation weights_format:WeightsFormat
    keep_num_dims:bool asymmetric_quantize_inputs:bool quantized_bias_type:TensorType
    quant_spec:[uint8]
SoftmaxOptions beta:float32
ConcatenationOptions axis:int32 fused_activation_function:Activation
AddOptions fused_activation_function:Activation pot_scale_int16:bool=1
L2NormOptions fused_activation_function:Activation
LocalResponseNormalizationOptions radius:int32 bias:float32 alpha:float32 beta:float32
LSTMOptions fused_activation_function:Activation cell_clip:float32 proj_clip:float32
    kernel_type:LSTMKernelType asymmetric_quantize_inputs:bool
ResizeBilinearOptions _ _ align_corners:bool half_pixel_centers:bool
CallOptions subgraph:uint32
ReshapeOptions new_shape:[int32]
SkipGramOptions ngram_size:int32 max_skip_size:int32 include_all_ngrams:bool
SpaceToDepthOptions block_size:int32
EmbeddingLookupSparseOptions combiner:CombinerType
MulOptions fused_activation_function:Activation
PadOptions
GatherOptions axis:int32 batch_dims:int32
BatchToSpaceNDOptions
SpaceToBatchNDOptions
TransposeOptions
ReducerOptions keep_dims:bool
SubOptions fused_activation_function:Activation pot_scale_int16:bool=1
DivOptions fused_activation_function:Activation
SqueezeOptions squeeze_dims:[int32]
SequenceRNNOptions time_major:bool fused_activation_function:Activation
    asymmetric_quantize_inputs:bool
StridedSliceOptions begin_mask:int32 end_mask:int32 ellipsis_mask:int32 new_axis_mask:int32
    shrink_axis_mask:int32 offset:bool
ExpOptions
TopKV2Options
SplitOptions num_splits:int32
LogSoftmaxOptions
CastOptions in_data_type:TensorType out_data_type:TensorType
DequantizeOptions
MaximumMinimumOptions
ArgMaxOptions output_type:TensorType
LessOptions
NegOptions
PadV2Options
GreaterOptions
GreaterEqualOptions
LessEqualOptions
SelectOptions
SliceOptions
TransposeConvOptions padding:Padding stride_w:int32 stride_h:int32
    fused_activation_function:Activation quantized_bias_type:TensorType
SparseToDenseOptions validate_indices:bool
TileOptions
ExpandDimsOptions
EqualOptions
NotEqualOptions
ShapeOptions out_type:TensorType
PowOptions
ArgMinOptions output_type:TensorType
FakeQuantOptions min:float32 max:float32 num_bits:int32 narrow_range:bool
PackOptions values_count:int32 axis:int32
LogicalOrOptions
OneHotOptions axis:int32
LogicalAndOptions
LogicalNotOptions
UnpackOptions num:int32 axis:int32
FloorDivOptions
SquareOptions
ZerosLikeOptions
FillOptions
BidirectionalSequenceLSTMOptions fused_activation_function:Activation cell_clip:float32
    proj_clip:float32 merge_outputs:bool time_major:bool=1 asymmetric_quantize_inputs:bool
BidirectionalSequenceRNNOptions time_major:bool fused_activation_function:Activation
    merge_outputs:bool asymmetric_quantize_inputs:bool
UnidirectionalSequenceLSTMOptions fused_activation_function:Activation cell_clip:float32
    proj_clip:float32 time_major:bool asymmetric_quantize_inputs:bool
    diagonal_recurrent_tensors:bool
FloorModOptions
RangeOptions
ResizeNearestNeighborOptions align_corners:bool half_pixel_centers:bool
LeakyReluOptions alpha:float32
SquaredDifferenceOptions
MirrorPadOptions mode:MirrorPadMode
AbsOptions
SplitVOptions num_splits:int32
UniqueOptions idx_out_type:TensorType=int32
ReverseV2Options
AddNOptions
GatherNdOptions
CosOptions
WhereOptions
RankOptions
ReverseSequenceOptions seq_dim:int32 batch_dim:int32
MatrixDiagOptions
QuantizeOptions
MatrixSetDiagOptions
HardSwishOptions
IfOptions then_subgraph_index:int32 else_subgraph_index:int32
WhileOptions cond_subgraph_index:int32 body_subgraph_index:int32
DepthToSpaceOptions block_size:int32
NonMaxSuppressionV4Options
NonMaxSuppressionV5Options
ScatterNdOptions
SelectV2Options
DensifyOptions
SegmentSumOptions
BatchMatMulOptions adj_x:bool adj_y:bool asymmetric_quantize_inputs:bool
CumsumOptions exclusive:bool reverse:bool
CallOnceOptions init_subgraph_index:int32
BroadcastToOptions
Rfft2dOptions
Conv3DOptions padding:Padding stride_d:int32 stride_w:int32 stride_h:int32
    fused_activation_function:Activation dilation_d_factor:int32=1 dilation_w_factor:int32=1
    dilation_h_factor:int32=1
HashtableOptions table_id:int32 key_dtype:TensorType value_dtype:TensorType
HashtableFindOptions
HashtableImportOptions
HashtableSizeOptions
VarHandleOptions container:string shared_name:string
ReadVariableOptions
AssignVariableOptions
RandomOptions seed:int64 seed2:int64
BucketizeOptions boundaries:[float32]
GeluOptions approximate:bool
DynamicUpdateSliceOptions
UnsortedSegmentProdOptions
UnsortedSegmentMaxOptions
UnsortedSegmentMinOptions
UnsortedSegmentSumOptions
ATan2Options
SignOptions
BitcastOptions
BitwiseXorOptions
RightShiftOptions
"""

_BUILTIN_OPTIONS_2 = """
StablehloConcatenateOptions dimension:int64
StablehloBroadcastInDimOptions broadcast_dimensions:[int64]
StablehloSliceOptions start_indices:[int64] limit_indices:[int64] strides:[int64]
StablehloConvolutionOptions window_strides:[int64] padding:[int64] lhs_dilation:[int64]
    rhs_dilation:[int64] window_reversal:[bool] input_batch_dimension:int64
    input_feature_dimension:int64 input_spatial_dimensions:[int64]
    kernel_input_feature_dimension:int64 kernel_output_feature_dimension:int64
    kernel_spatial_dimensions:[int64] output_batch_dimension:int64 output_feature_dimension:int64
    output_spatial_dimensions:[int64] feature_group_count:int64 batch_group_count:int64
    precision_config:[uint32]
StablehloCustomCallOptions call_target_name:string has_side_effect:bool backend_config:string
    api_version:int32 called_computations:[int32] custom_attributes:[uint8]
StablehloReduceOptions dimensions:[int64] body_subgraph_index:int32
StablehloScatterOptions indices_are_sorted:bool update_window_dims:[int64]
    inserted_window_dims:[int64] scatter_dims_to_operand_dims:[int64] index_vector_dim:int64
    unique_indices:bool update_computation_subgraph_index:int32
StablehloCompareOptions comparison_direction:ComparisonDirection compare_type:ComparisonType
StablehloDynamicSliceOptions slice_sizes:[int64]
StablehloPadOptions edge_padding_low:[int64] edge_padding_high:[int64] interior_padding:[int64]
StablehloIotaOptions iota_dimension:int64
StablehloDotGeneralOptions lhs_batching_dimensions:[int64] rhs_batching_dimensions:[int64]
    lhs_contracting_dimensions:[int64] rhs_contracting_dimensions:[int64]
    precision_config:[uint32]
StablehloReduceWindowOptions window_dimensions:[int64] window_strides:[int64]
    base_dilations:[int64] window_dilations:[int64] padding:[int64] body_subgraph_index:int32
StablehloSortOptions dimension:int64 is_stable:bool comparator_subgraph_index:int32
StablehloWhileOptions cond_subgraph_index:int32 body_subgraph_index:int32
StablehloGatherOptions offset_dims:[int64] collapsed_slice_dims:[int64] start_index_map:[int64]
    index_vector_dim:int64 slice_sizes:[int64] indices_are_sorted:bool
StablehloTransposeOptions permutation:[int64]
DilateOptions
StablehloRngBitGeneratorOptions algorithm:RngAlgorithm
ReduceWindowOptions reduce_function:ReduceWindowFunction
StableHLOCompositeOptions name:string decomposition_subgraph_index:int32
    composite_attributes:[uint8] composite_attributes_format:AttributesFormat version:int32
StablehloShiftLeftOptions
StablehloCaseOptions branch_subgraph_indices:[int32]
"""

_OPERATORS = """
ADD:AddOptions AVERAGE_POOL_2D:Pool2DOptions CONCATENATION:ConcatenationOptions
CONV_2D:Conv2DOptions DEPTHWISE_CONV_2D:DepthwiseConv2DOptions DEPTH_TO_SPACE:DepthToSpaceOptions
DEQUANTIZE:DequantizeOptions EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED:FullyConnectedOptions
HASHTABLE_LOOKUP L2_NORMALIZATION:L2NormOptions L2_POOL_2D:Pool2DOptions
LOCAL_RESPONSE_NORMALIZATION:LocalResponseNormalizationOptions LOGISTIC
LSH_PROJECTION:LSHProjectionOptions LSTM:LSTMOptions MAX_POOL_2D:Pool2DOptions MUL:MulOptions RELU
RELU_N1_TO_1 RELU6 RESHAPE:ReshapeOptions RESIZE_BILINEAR:ResizeBilinearOptions RNN:RNNOptions
SOFTMAX:SoftmaxOptions SPACE_TO_DEPTH:SpaceToDepthOptions SVDF:SVDFOptions TANH
CONCAT_EMBEDDINGS:ConcatEmbeddingsOptions SKIP_GRAM:SkipGramOptions CALL:CallOptions CUSTOM
EMBEDDING_LOOKUP_SPARSE:EmbeddingLookupSparseOptions PAD:PadOptions
UNIDIRECTIONAL_SEQUENCE_RNN:SequenceRNNOptions GATHER:GatherOptions
BATCH_TO_SPACE_ND:BatchToSpaceNDOptions SPACE_TO_BATCH_ND:SpaceToBatchNDOptions
TRANSPOSE:TransposeOptions MEAN:ReducerOptions SUB:SubOptions DIV:DivOptions
SQUEEZE:SqueezeOptions UNIDIRECTIONAL_SEQUENCE_LSTM:UnidirectionalSequenceLSTMOptions
STRIDED_SLICE:StridedSliceOptions BIDIRECTIONAL_SEQUENCE_RNN:BidirectionalSequenceRNNOptions
EXP:ExpOptions TOPK_V2:TopKV2Options SPLIT:SplitOptions LOG_SOFTMAX:LogSoftmaxOptions DELEGATE
BIDIRECTIONAL_SEQUENCE_LSTM:BidirectionalSequenceLSTMOptions CAST:CastOptions PRELU
MAXIMUM:MaximumMinimumOptions ARG_MAX:ArgMaxOptions MINIMUM:MaximumMinimumOptions LESS:LessOptions
NEG:NegOptions PADV2:PadV2Options GREATER:GreaterOptions GREATER_EQUAL:GreaterEqualOptions
LESS_EQUAL:LessEqualOptions SELECT:SelectOptions SLICE:SliceOptions SIN
TRANSPOSE_CONV:TransposeConvOptions SPARSE_TO_DENSE:SparseToDenseOptions TILE:TileOptions
EXPAND_DIMS:ExpandDimsOptions EQUAL:EqualOptions NOT_EQUAL:NotEqualOptions LOG SUM:ReducerOptions
SQRT RSQRT SHAPE:ShapeOptions POW:PowOptions ARG_MIN:ArgMinOptions FAKE_QUANT:FakeQuantOptions
REDUCE_PROD:ReducerOptions REDUCE_MAX:ReducerOptions PACK:PackOptions LOGICAL_OR:LogicalOrOptions
ONE_HOT:OneHotOptions LOGICAL_AND:LogicalAndOptions LOGICAL_NOT:LogicalNotOptions
UNPACK:UnpackOptions REDUCE_MIN:ReducerOptions FLOOR_DIV:FloorDivOptions REDUCE_ANY:ReducerOptions
SQUARE:SquareOptions ZEROS_LIKE:ZerosLikeOptions FILL:FillOptions FLOOR_MOD:FloorModOptions
RANGE:RangeOptions RESIZE_NEAREST_NEIGHBOR:ResizeNearestNeighborOptions
LEAKY_RELU:LeakyReluOptions SQUARED_DIFFERENCE:SquaredDifferenceOptions
MIRROR_PAD:MirrorPadOptions ABS:AbsOptions SPLIT_V:SplitVOptions UNIQUE:UniqueOptions CEIL
REVERSE_V2:ReverseV2Options ADD_N:AddNOptions GATHER_ND:GatherNdOptions COS:CosOptions
WHERE:WhereOptions RANK:RankOptions ELU REVERSE_SEQUENCE:ReverseSequenceOptions
MATRIX_DIAG:MatrixDiagOptions QUANTIZE:QuantizeOptions MATRIX_SET_DIAG:MatrixSetDiagOptions ROUND
HARD_SWISH:HardSwishOptions IF:IfOptions WHILE:WhileOptions
NON_MAX_SUPPRESSION_V4:NonMaxSuppressionV4Options NON_MAX_SUPPRESSION_V5:NonMaxSuppressionV5Options
SCATTER_ND:ScatterNdOptions SELECT_V2:SelectV2Options DENSIFY:DensifyOptions
SEGMENT_SUM:SegmentSumOptions BATCH_MATMUL:BatchMatMulOptions PLACEHOLDER_FOR_GREATER_OP_CODES
CUMSUM:CumsumOptions CALL_ONCE:CallOnceOptions BROADCAST_TO:BroadcastToOptions
RFFT2D:Rfft2dOptions CONV_3D:Conv3DOptions IMAG REAL COMPLEX_ABS HASHTABLE:HashtableOptions
HASHTABLE_FIND:HashtableFindOptions HASHTABLE_IMPORT:HashtableImportOptions
HASHTABLE_SIZE:HashtableSizeOptions REDUCE_ALL:ReducerOptions CONV_3D_TRANSPOSE:Conv3DOptions
VAR_HANDLE:VarHandleOptions READ_VARIABLE:ReadVariableOptions
ASSIGN_VARIABLE:AssignVariableOptions BROADCAST_ARGS RANDOM_STANDARD_NORMAL:RandomOptions
BUCKETIZE:BucketizeOptions RANDOM_UNIFORM:RandomOptions MULTINOMIAL:RandomOptions GELU:GeluOptions
DYNAMIC_UPDATE_SLICE:DynamicUpdateSliceOptions RELU_0_TO_1
UNSORTED_SEGMENT_PROD:UnsortedSegmentProdOptions UNSORTED_SEGMENT_MAX:UnsortedSegmentMaxOptions
UNSORTED_SEGMENT_SUM:UnsortedSegmentSumOptions ATAN2:ATan2Options
UNSORTED_SEGMENT_MIN:UnsortedSegmentMinOptions SIGN:SignOptions BITCAST:BitcastOptions
BITWISE_XOR:BitwiseXorOptions RIGHT_SHIFT:RightShiftOptions STABLEHLO_LOGISTIC STABLEHLO_ADD
STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP
STABLEHLO_CONCATENATE:StablehloConcatenateOptions
STABLEHLO_BROADCAST_IN_DIM:StablehloBroadcastInDimOptions
STABLEHLO_CONVOLUTION:StablehloConvolutionOptions STABLEHLO_SLICE:StablehloSliceOptions
STABLEHLO_CUSTOM_CALL:StablehloCustomCallOptions STABLEHLO_REDUCE:StablehloReduceOptions
STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER:StablehloScatterOptions STABLEHLO_COMPARE:StablehloCompareOptions
STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE:StablehloDynamicSliceOptions
STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD:StablehloPadOptions
STABLEHLO_IOTA:StablehloIotaOptions STABLEHLO_DOT_GENERAL:StablehloDotGeneralOptions
STABLEHLO_REDUCE_WINDOW:StablehloReduceWindowOptions STABLEHLO_SORT:StablehloSortOptions
STABLEHLO_WHILE:StablehloWhileOptions STABLEHLO_GATHER:StablehloGatherOptions
STABLEHLO_TRANSPOSE:StablehloTransposeOptions DILATE:DilateOptions
STABLEHLO_RNG_BIT_GENERATOR:StablehloRngBitGeneratorOptions REDUCE_WINDOW:ReduceWindowOptions
STABLEHLO_COMPOSITE:StableHLOCompositeOptions STABLEHLO_SHIFT_LEFT:StablehloShiftLeftOptions
STABLEHLO_CBRT STABLEHLO_CASE:StablehloCaseOptions
"""

TABLES = {
    table.name: table
    for tables in (
        parse_tables(_FILE_TABLES, ENUMS),
        parse_tables(_BUILTIN_OPTIONS, ENUMS, "builtin_options"),
        parse_tables(_BUILTIN_OPTIONS_2, ENUMS, "builtin_options_2"),
    )
    for table in tables
}
SCHEMA = Schema("TFLite file", IDENTIFIER, "Model", TABLES)

# The union of the three sparse index vectors, by code.
SPARSE_INDEX_VECTORS = (None, TABLES["Int32Vector"], TABLES["Uint16Vector"], TABLES["Uint8Vector"])
# Codes of quantization details whose scales are not in the scale vector.
BLOCKWISE_QUANTIZATION, MULTI_AXIS_QUANTIZATION = 2, 3

OPERATORS = tuple(token.partition(":")[0] for token in _OPERATORS.split())
OPERATOR_CODES = {name: code for code, name in enumerate(OPERATORS)}
CUSTOM = OPERATOR_CODES["CUSTOM"]
# Codes from here on do not fit the int8 field that old readers know.
PLACEHOLDER = OPERATOR_CODES["PLACEHOLDER_FOR_GREATER_OP_CODES"]
# Operator -> its options table, for those that have one.
OPTIONS = {
    name: TABLES[table]
    for name, _, table in (token.partition(":") for token in _OPERATORS.split())
    if table
}
