# Written by `python -m protos` from the .proto files beside it.
from collections.abc import Iterable, Mapping

from google.protobuf.any_pb2 import Any
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
    ScalarMap,
)
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, Int64Value, StringValue

class BytesList(Message):
    @property
    def value(self) -> RepeatedScalarFieldContainer[bytes]: ...
    def __init__(self, *, value: Iterable[bytes] | None = ...) -> None: ...

class FloatList(Message):
    @property
    def value(self) -> RepeatedScalarFieldContainer[float]: ...
    def __init__(self, *, value: Iterable[float] | None = ...) -> None: ...

class Int64List(Message):
    @property
    def value(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(self, *, value: Iterable[int] | None = ...) -> None: ...

class Feature(Message):
    @property
    def bytes_list(self) -> BytesList: ...
    @property
    def float_list(self) -> FloatList: ...
    @property
    def int64_list(self) -> Int64List: ...
    def __init__(
        self,
        *,
        bytes_list: BytesList | None = ...,
        float_list: FloatList | None = ...,
        int64_list: Int64List | None = ...,
    ) -> None: ...

class Features(Message):
    @property
    def feature(self) -> MessageMap[str, Feature]: ...
    def __init__(self, *, feature: Mapping[str, Feature] | None = ...) -> None: ...

class Example(Message):
    @property
    def features(self) -> Features: ...
    def __init__(self, *, features: Features | None = ...) -> None: ...

class TensorShapeProto(Message):
    class Dim(Message):
        size: int
        name: str
        def __init__(self, *, size: int | None = ..., name: str | None = ...) -> None: ...

    @property
    def dim(self) -> RepeatedCompositeFieldContainer[TensorShapeProto.Dim]: ...
    unknown_rank: bool
    def __init__(
        self, *, dim: Iterable[TensorShapeProto.Dim] | None = ..., unknown_rank: bool | None = ...
    ) -> None: ...

class _DataType(EnumTypeWrapper):
    DT_INVALID: int
    DT_FLOAT: int
    DT_DOUBLE: int
    DT_INT32: int
    DT_UINT8: int
    DT_INT16: int
    DT_INT8: int
    DT_STRING: int
    DT_COMPLEX64: int
    DT_INT64: int
    DT_BOOL: int
    DT_QINT8: int
    DT_QUINT8: int
    DT_QINT32: int
    DT_BFLOAT16: int
    DT_QINT16: int
    DT_QUINT16: int
    DT_UINT16: int
    DT_COMPLEX128: int
    DT_HALF: int
    DT_RESOURCE: int
    DT_VARIANT: int
    DT_UINT32: int
    DT_UINT64: int
    DT_FLOAT8_E5M2: int
    DT_FLOAT8_E4M3FN: int
    DT_FLOAT8_E4M3FNUZ: int
    DT_FLOAT8_E4M3B11FNUZ: int
    DT_FLOAT8_E5M2FNUZ: int
    DT_INT4: int
    DT_UINT4: int
    DT_INT2: int
    DT_UINT2: int
    DT_FLOAT4_E2M1FN: int
    DT_FLOAT_REF: int
    DT_DOUBLE_REF: int
    DT_INT32_REF: int
    DT_UINT8_REF: int
    DT_INT16_REF: int
    DT_INT8_REF: int
    DT_STRING_REF: int
    DT_COMPLEX64_REF: int
    DT_INT64_REF: int
    DT_BOOL_REF: int
    DT_QINT8_REF: int
    DT_QUINT8_REF: int
    DT_QINT32_REF: int
    DT_BFLOAT16_REF: int
    DT_QINT16_REF: int
    DT_QUINT16_REF: int
    DT_UINT16_REF: int
    DT_COMPLEX128_REF: int
    DT_HALF_REF: int
    DT_RESOURCE_REF: int
    DT_VARIANT_REF: int
    DT_UINT32_REF: int
    DT_UINT64_REF: int
    DT_FLOAT8_E5M2_REF: int
    DT_FLOAT8_E4M3FN_REF: int
    DT_FLOAT8_E4M3FNUZ_REF: int
    DT_FLOAT8_E4M3B11FNUZ_REF: int
    DT_FLOAT8_E5M2FNUZ_REF: int
    DT_INT4_REF: int
    DT_UINT4_REF: int
    DT_INT2_REF: int
    DT_UINT2_REF: int
    DT_FLOAT4_E2M1FN_REF: int

DataType: _DataType

class ResourceHandleProto(Message):
    class DtypeAndShape(Message):
        dtype: int
        @property
        def shape(self) -> TensorShapeProto: ...
        def __init__(
            self, *, dtype: int | None = ..., shape: TensorShapeProto | None = ...
        ) -> None: ...

    device: str
    container: str
    name: str
    hash_code: int
    maybe_type_name: str
    @property
    def dtypes_and_shapes(
        self,
    ) -> RepeatedCompositeFieldContainer[ResourceHandleProto.DtypeAndShape]: ...
    def __init__(
        self,
        *,
        device: str | None = ...,
        container: str | None = ...,
        name: str | None = ...,
        hash_code: int | None = ...,
        maybe_type_name: str | None = ...,
        dtypes_and_shapes: Iterable[ResourceHandleProto.DtypeAndShape] | None = ...,
    ) -> None: ...

class TensorProto(Message):
    dtype: int
    @property
    def tensor_shape(self) -> TensorShapeProto: ...
    version_number: int
    tensor_content: bytes
    @property
    def half_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def float_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def double_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def int_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def string_val(self) -> RepeatedScalarFieldContainer[bytes]: ...
    @property
    def scomplex_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def int64_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def bool_val(self) -> RepeatedScalarFieldContainer[bool]: ...
    @property
    def dcomplex_val(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def resource_handle_val(self) -> RepeatedCompositeFieldContainer[ResourceHandleProto]: ...
    @property
    def variant_val(self) -> RepeatedCompositeFieldContainer[VariantTensorDataProto]: ...
    @property
    def uint32_val(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def uint64_val(self) -> RepeatedScalarFieldContainer[int]: ...
    float8_val: bytes
    def __init__(
        self,
        *,
        dtype: int | None = ...,
        tensor_shape: TensorShapeProto | None = ...,
        version_number: int | None = ...,
        tensor_content: bytes | None = ...,
        half_val: Iterable[int] | None = ...,
        float_val: Iterable[float] | None = ...,
        double_val: Iterable[float] | None = ...,
        int_val: Iterable[int] | None = ...,
        string_val: Iterable[bytes] | None = ...,
        scomplex_val: Iterable[float] | None = ...,
        int64_val: Iterable[int] | None = ...,
        bool_val: Iterable[bool] | None = ...,
        dcomplex_val: Iterable[float] | None = ...,
        resource_handle_val: Iterable[ResourceHandleProto] | None = ...,
        variant_val: Iterable[VariantTensorDataProto] | None = ...,
        uint32_val: Iterable[int] | None = ...,
        uint64_val: Iterable[int] | None = ...,
        float8_val: bytes | None = ...,
    ) -> None: ...

class VariantTensorDataProto(Message):
    type_name: str
    metadata: bytes
    @property
    def tensors(self) -> RepeatedCompositeFieldContainer[TensorProto]: ...
    def __init__(
        self,
        *,
        type_name: str | None = ...,
        metadata: bytes | None = ...,
        tensors: Iterable[TensorProto] | None = ...,
    ) -> None: ...

class AttrValue(Message):
    s: bytes
    i: int
    f: float
    b: bool
    type: int
    @property
    def shape(self) -> TensorShapeProto: ...
    @property
    def tensor(self) -> TensorProto: ...
    placeholder: str
    def __init__(
        self,
        *,
        s: bytes | None = ...,
        i: int | None = ...,
        f: float | None = ...,
        b: bool | None = ...,
        type: int | None = ...,
        shape: TensorShapeProto | None = ...,
        tensor: TensorProto | None = ...,
        placeholder: str | None = ...,
    ) -> None: ...

class NodeDef(Message):
    name: str
    op: str
    @property
    def input(self) -> RepeatedScalarFieldContainer[str]: ...
    device: str
    @property
    def attr(self) -> MessageMap[str, AttrValue]: ...
    def __init__(
        self,
        *,
        name: str | None = ...,
        op: str | None = ...,
        input: Iterable[str] | None = ...,
        device: str | None = ...,
        attr: Mapping[str, AttrValue] | None = ...,
    ) -> None: ...

class FunctionDefLibrary(Message):
    @property
    def function(self) -> RepeatedCompositeFieldContainer[FunctionDef]: ...
    def __init__(self, *, function: Iterable[FunctionDef] | None = ...) -> None: ...

class FunctionDef(Message):
    @property
    def node_def(self) -> RepeatedCompositeFieldContainer[NodeDef]: ...
    def __init__(self, *, node_def: Iterable[NodeDef] | None = ...) -> None: ...

class GraphDef(Message):
    @property
    def node(self) -> RepeatedCompositeFieldContainer[NodeDef]: ...
    @property
    def library(self) -> FunctionDefLibrary: ...
    def __init__(
        self, *, node: Iterable[NodeDef] | None = ..., library: FunctionDefLibrary | None = ...
    ) -> None: ...

class _Code(EnumTypeWrapper):
    OK: int
    CANCELLED: int
    UNKNOWN: int
    INVALID_ARGUMENT: int
    DEADLINE_EXCEEDED: int
    NOT_FOUND: int
    ALREADY_EXISTS: int
    PERMISSION_DENIED: int
    UNAUTHENTICATED: int
    RESOURCE_EXHAUSTED: int
    FAILED_PRECONDITION: int
    ABORTED: int
    OUT_OF_RANGE: int
    UNIMPLEMENTED: int
    INTERNAL: int
    UNAVAILABLE: int
    DATA_LOSS: int
    DO_NOT_USE_RESERVED_FOR_FUTURE_EXPANSION_USE_DEFAULT_IN_SWITCH_INSTEAD_: int

Code: _Code

class StructuredValue(Message):
    @property
    def none_value(self) -> NoneValue: ...
    float64_value: float
    int64_value: int
    string_value: str
    bool_value: bool
    @property
    def tensor_shape_value(self) -> TensorShapeProto: ...
    tensor_dtype_value: int
    @property
    def tensor_spec_value(self) -> TensorSpecProto: ...
    @property
    def type_spec_value(self) -> TypeSpecProto: ...
    @property
    def bounded_tensor_spec_value(self) -> BoundedTensorSpecProto: ...
    @property
    def list_value(self) -> ListValue: ...
    @property
    def tuple_value(self) -> TupleValue: ...
    @property
    def dict_value(self) -> DictValue: ...
    @property
    def named_tuple_value(self) -> NamedTupleValue: ...
    @property
    def tensor_value(self) -> TensorProto: ...
    @property
    def numpy_value(self) -> TensorProto: ...
    def __init__(
        self,
        *,
        none_value: NoneValue | None = ...,
        float64_value: float | None = ...,
        int64_value: int | None = ...,
        string_value: str | None = ...,
        bool_value: bool | None = ...,
        tensor_shape_value: TensorShapeProto | None = ...,
        tensor_dtype_value: int | None = ...,
        tensor_spec_value: TensorSpecProto | None = ...,
        type_spec_value: TypeSpecProto | None = ...,
        bounded_tensor_spec_value: BoundedTensorSpecProto | None = ...,
        list_value: ListValue | None = ...,
        tuple_value: TupleValue | None = ...,
        dict_value: DictValue | None = ...,
        named_tuple_value: NamedTupleValue | None = ...,
        tensor_value: TensorProto | None = ...,
        numpy_value: TensorProto | None = ...,
    ) -> None: ...

class NoneValue(Message):
    def __init__(self) -> None: ...

class ListValue(Message):
    @property
    def values(self) -> RepeatedCompositeFieldContainer[StructuredValue]: ...
    def __init__(self, *, values: Iterable[StructuredValue] | None = ...) -> None: ...

class TupleValue(Message):
    @property
    def values(self) -> RepeatedCompositeFieldContainer[StructuredValue]: ...
    def __init__(self, *, values: Iterable[StructuredValue] | None = ...) -> None: ...

class DictValue(Message):
    @property
    def fields(self) -> MessageMap[str, StructuredValue]: ...
    def __init__(self, *, fields: Mapping[str, StructuredValue] | None = ...) -> None: ...

class PairValue(Message):
    key: str
    @property
    def value(self) -> StructuredValue: ...
    def __init__(self, *, key: str | None = ..., value: StructuredValue | None = ...) -> None: ...

class NamedTupleValue(Message):
    name: str
    @property
    def values(self) -> RepeatedCompositeFieldContainer[PairValue]: ...
    def __init__(
        self, *, name: str | None = ..., values: Iterable[PairValue] | None = ...
    ) -> None: ...

class TensorSpecProto(Message):
    name: str
    @property
    def shape(self) -> TensorShapeProto: ...
    dtype: int
    def __init__(
        self,
        *,
        name: str | None = ...,
        shape: TensorShapeProto | None = ...,
        dtype: int | None = ...,
    ) -> None: ...

class BoundedTensorSpecProto(Message):
    name: str
    @property
    def shape(self) -> TensorShapeProto: ...
    dtype: int
    @property
    def minimum(self) -> TensorProto: ...
    @property
    def maximum(self) -> TensorProto: ...
    def __init__(
        self,
        *,
        name: str | None = ...,
        shape: TensorShapeProto | None = ...,
        dtype: int | None = ...,
        minimum: TensorProto | None = ...,
        maximum: TensorProto | None = ...,
    ) -> None: ...

class TypeSpecProto(Message):
    class _TypeSpecClass(EnumTypeWrapper):
        UNKNOWN: int
        SPARSE_TENSOR_SPEC: int
        INDEXED_SLICES_SPEC: int
        RAGGED_TENSOR_SPEC: int
        TENSOR_ARRAY_SPEC: int
        DATA_DATASET_SPEC: int
        DATA_ITERATOR_SPEC: int
        OPTIONAL_SPEC: int
        PER_REPLICA_SPEC: int
        VARIABLE_SPEC: int
        ROW_PARTITION_SPEC: int
        REGISTERED_TYPE_SPEC: int
        EXTENSION_TYPE_SPEC: int

    TypeSpecClass: _TypeSpecClass
    UNKNOWN: int
    SPARSE_TENSOR_SPEC: int
    INDEXED_SLICES_SPEC: int
    RAGGED_TENSOR_SPEC: int
    TENSOR_ARRAY_SPEC: int
    DATA_DATASET_SPEC: int
    DATA_ITERATOR_SPEC: int
    OPTIONAL_SPEC: int
    PER_REPLICA_SPEC: int
    VARIABLE_SPEC: int
    ROW_PARTITION_SPEC: int
    REGISTERED_TYPE_SPEC: int
    EXTENSION_TYPE_SPEC: int
    type_spec_class: int
    @property
    def type_state(self) -> StructuredValue: ...
    type_spec_class_name: str
    num_flat_components: int
    def __init__(
        self,
        *,
        type_spec_class: int | None = ...,
        type_state: StructuredValue | None = ...,
        type_spec_class_name: str | None = ...,
        num_flat_components: int | None = ...,
    ) -> None: ...

class MetaGraphDef(Message):
    class MetaInfoDef(Message):
        meta_graph_version: str
        @property
        def tags(self) -> RepeatedScalarFieldContainer[str]: ...
        tensorflow_version: str
        tensorflow_git_version: str
        stripped_default_attrs: bool
        def __init__(
            self,
            *,
            meta_graph_version: str | None = ...,
            tags: Iterable[str] | None = ...,
            tensorflow_version: str | None = ...,
            tensorflow_git_version: str | None = ...,
            stripped_default_attrs: bool | None = ...,
        ) -> None: ...

    @property
    def meta_info_def(self) -> MetaGraphDef.MetaInfoDef: ...
    @property
    def graph_def(self) -> GraphDef: ...
    @property
    def signature_def(self) -> MessageMap[str, SignatureDef]: ...
    def __init__(
        self,
        *,
        meta_info_def: MetaGraphDef.MetaInfoDef | None = ...,
        graph_def: GraphDef | None = ...,
        signature_def: Mapping[str, SignatureDef] | None = ...,
    ) -> None: ...

class TensorInfo(Message):
    class CooSparse(Message):
        values_tensor_name: str
        indices_tensor_name: str
        dense_shape_tensor_name: str
        def __init__(
            self,
            *,
            values_tensor_name: str | None = ...,
            indices_tensor_name: str | None = ...,
            dense_shape_tensor_name: str | None = ...,
        ) -> None: ...

    class CompositeTensor(Message):
        @property
        def type_spec(self) -> TypeSpecProto: ...
        @property
        def components(self) -> RepeatedCompositeFieldContainer[TensorInfo]: ...
        def __init__(
            self,
            *,
            type_spec: TypeSpecProto | None = ...,
            components: Iterable[TensorInfo] | None = ...,
        ) -> None: ...

    name: str
    @property
    def coo_sparse(self) -> TensorInfo.CooSparse: ...
    @property
    def composite_tensor(self) -> TensorInfo.CompositeTensor: ...
    dtype: int
    @property
    def tensor_shape(self) -> TensorShapeProto: ...
    def __init__(
        self,
        *,
        name: str | None = ...,
        coo_sparse: TensorInfo.CooSparse | None = ...,
        composite_tensor: TensorInfo.CompositeTensor | None = ...,
        dtype: int | None = ...,
        tensor_shape: TensorShapeProto | None = ...,
    ) -> None: ...

class SignatureDef(Message):
    @property
    def inputs(self) -> MessageMap[str, TensorInfo]: ...
    @property
    def outputs(self) -> MessageMap[str, TensorInfo]: ...
    method_name: str
    @property
    def defaults(self) -> MessageMap[str, TensorProto]: ...
    def __init__(
        self,
        *,
        inputs: Mapping[str, TensorInfo] | None = ...,
        outputs: Mapping[str, TensorInfo] | None = ...,
        method_name: str | None = ...,
        defaults: Mapping[str, TensorProto] | None = ...,
    ) -> None: ...

class SavedModel(Message):
    saved_model_schema_version: int
    @property
    def meta_graphs(self) -> RepeatedCompositeFieldContainer[MetaGraphDef]: ...
    def __init__(
        self,
        *,
        saved_model_schema_version: int | None = ...,
        meta_graphs: Iterable[MetaGraphDef] | None = ...,
    ) -> None: ...

class ExampleList(Message):
    @property
    def examples(self) -> RepeatedCompositeFieldContainer[Example]: ...
    def __init__(self, *, examples: Iterable[Example] | None = ...) -> None: ...

class ExampleListWithContext(Message):
    @property
    def examples(self) -> RepeatedCompositeFieldContainer[Example]: ...
    @property
    def context(self) -> Example: ...
    def __init__(
        self, *, examples: Iterable[Example] | None = ..., context: Example | None = ...
    ) -> None: ...

class Input(Message):
    @property
    def example_list(self) -> ExampleList: ...
    @property
    def example_list_with_context(self) -> ExampleListWithContext: ...
    def __init__(
        self,
        *,
        example_list: ExampleList | None = ...,
        example_list_with_context: ExampleListWithContext | None = ...,
    ) -> None: ...

class ModelSpec(Message):
    name: str
    @property
    def version(self) -> Int64Value: ...
    version_label: str
    signature_name: str
    def __init__(
        self,
        *,
        name: str | None = ...,
        version: Int64Value | None = ...,
        version_label: str | None = ...,
        signature_name: str | None = ...,
    ) -> None: ...

class Class(Message):
    label: str
    score: float
    def __init__(self, *, label: str | None = ..., score: float | None = ...) -> None: ...

class Classifications(Message):
    @property
    def classes(self) -> RepeatedCompositeFieldContainer[Class]: ...
    def __init__(self, *, classes: Iterable[Class] | None = ...) -> None: ...

class ClassificationResult(Message):
    @property
    def classifications(self) -> RepeatedCompositeFieldContainer[Classifications]: ...
    def __init__(self, *, classifications: Iterable[Classifications] | None = ...) -> None: ...

class ClassificationRequest(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def input(self) -> Input: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., input: Input | None = ...
    ) -> None: ...

class ClassificationResponse(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def result(self) -> ClassificationResult: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., result: ClassificationResult | None = ...
    ) -> None: ...

class SignatureDefMap(Message):
    @property
    def signature_def(self) -> MessageMap[str, SignatureDef]: ...
    def __init__(self, *, signature_def: Mapping[str, SignatureDef] | None = ...) -> None: ...

class GetModelMetadataRequest(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def metadata_field(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., metadata_field: Iterable[str] | None = ...
    ) -> None: ...

class GetModelMetadataResponse(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def metadata(self) -> MessageMap[str, Any]: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., metadata: Mapping[str, Any] | None = ...
    ) -> None: ...

class StatusProto(Message):
    error_code: int
    error_message: str
    def __init__(
        self, *, error_code: int | None = ..., error_message: str | None = ...
    ) -> None: ...

class GetModelStatusRequest(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    def __init__(self, *, model_spec: ModelSpec | None = ...) -> None: ...

class ModelVersionStatus(Message):
    class _State(EnumTypeWrapper):
        UNKNOWN: int
        START: int
        LOADING: int
        AVAILABLE: int
        UNLOADING: int
        END: int

    State: _State
    UNKNOWN: int
    START: int
    LOADING: int
    AVAILABLE: int
    UNLOADING: int
    END: int
    version: int
    state: int
    @property
    def status(self) -> StatusProto: ...
    def __init__(
        self,
        *,
        version: int | None = ...,
        state: int | None = ...,
        status: StatusProto | None = ...,
    ) -> None: ...

class GetModelStatusResponse(Message):
    @property
    def model_version_status(self) -> RepeatedCompositeFieldContainer[ModelVersionStatus]: ...
    def __init__(
        self, *, model_version_status: Iterable[ModelVersionStatus] | None = ...
    ) -> None: ...

class Regression(Message):
    value: float
    def __init__(self, *, value: float | None = ...) -> None: ...

class RegressionResult(Message):
    @property
    def regressions(self) -> RepeatedCompositeFieldContainer[Regression]: ...
    def __init__(self, *, regressions: Iterable[Regression] | None = ...) -> None: ...

class RegressionRequest(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def input(self) -> Input: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., input: Input | None = ...
    ) -> None: ...

class RegressionResponse(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def result(self) -> RegressionResult: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., result: RegressionResult | None = ...
    ) -> None: ...

class InferenceTask(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    method_name: str
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., method_name: str | None = ...
    ) -> None: ...

class InferenceResult(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def classification_result(self) -> ClassificationResult: ...
    @property
    def regression_result(self) -> RegressionResult: ...
    def __init__(
        self,
        *,
        model_spec: ModelSpec | None = ...,
        classification_result: ClassificationResult | None = ...,
        regression_result: RegressionResult | None = ...,
    ) -> None: ...

class MultiInferenceRequest(Message):
    @property
    def tasks(self) -> RepeatedCompositeFieldContainer[InferenceTask]: ...
    @property
    def input(self) -> Input: ...
    def __init__(
        self, *, tasks: Iterable[InferenceTask] | None = ..., input: Input | None = ...
    ) -> None: ...

class MultiInferenceResponse(Message):
    @property
    def results(self) -> RepeatedCompositeFieldContainer[InferenceResult]: ...
    def __init__(self, *, results: Iterable[InferenceResult] | None = ...) -> None: ...

class LogCollectorConfig(Message):
    type: str
    filename_prefix: str
    def __init__(self, *, type: str | None = ..., filename_prefix: str | None = ...) -> None: ...

class PerTaskSamplingConfig(Message):
    dc: str
    task_index: int
    sampling_rate: float
    def __init__(
        self,
        *,
        dc: str | None = ...,
        task_index: int | None = ...,
        sampling_rate: float | None = ...,
    ) -> None: ...

class SamplingConfig(Message):
    class _Attributes(EnumTypeWrapper):
        ATTR_DEFAULT: int
        ATTR_REQUEST_ORIGIN: int
        ATTR_REQUEST_CRITICALITY: int

    Attributes: _Attributes
    ATTR_DEFAULT: int
    ATTR_REQUEST_ORIGIN: int
    ATTR_REQUEST_CRITICALITY: int
    sampling_rate: float
    @property
    def per_task_sampling_configs(
        self,
    ) -> RepeatedCompositeFieldContainer[PerTaskSamplingConfig]: ...
    attributes: int
    def __init__(
        self,
        *,
        sampling_rate: float | None = ...,
        per_task_sampling_configs: Iterable[PerTaskSamplingConfig] | None = ...,
        attributes: int | None = ...,
    ) -> None: ...

class LoggingConfig(Message):
    @property
    def log_collector_config(self) -> LogCollectorConfig: ...
    @property
    def sampling_config(self) -> SamplingConfig: ...
    @property
    def custom_logging_config(self) -> Any: ...
    def __init__(
        self,
        *,
        log_collector_config: LogCollectorConfig | None = ...,
        sampling_config: SamplingConfig | None = ...,
        custom_logging_config: Any | None = ...,
    ) -> None: ...

class LogMetadata(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def sampling_config(self) -> SamplingConfig: ...
    @property
    def saved_model_tags(self) -> RepeatedScalarFieldContainer[str]: ...
    timestamp_secs: int
    dc: str
    request_origin: str
    request_criticality: str
    safe_aggregation_privacy_key: int
    def __init__(
        self,
        *,
        model_spec: ModelSpec | None = ...,
        sampling_config: SamplingConfig | None = ...,
        saved_model_tags: Iterable[str] | None = ...,
        timestamp_secs: int | None = ...,
        dc: str | None = ...,
        request_origin: str | None = ...,
        request_criticality: str | None = ...,
        safe_aggregation_privacy_key: int | None = ...,
    ) -> None: ...

class FileSystemStoragePathSourceConfig(Message):
    class ServableVersionPolicy(Message):
        class Latest(Message):
            num_versions: int
            def __init__(self, *, num_versions: int | None = ...) -> None: ...

        class All(Message):
            def __init__(self) -> None: ...

        class Specific(Message):
            @property
            def versions(self) -> RepeatedScalarFieldContainer[int]: ...
            def __init__(self, *, versions: Iterable[int] | None = ...) -> None: ...

        @property
        def latest(self) -> FileSystemStoragePathSourceConfig.ServableVersionPolicy.Latest: ...
        @property
        def all(self) -> FileSystemStoragePathSourceConfig.ServableVersionPolicy.All: ...
        @property
        def specific(self) -> FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific: ...
        def __init__(
            self,
            *,
            latest: FileSystemStoragePathSourceConfig.ServableVersionPolicy.Latest | None = ...,
            all: FileSystemStoragePathSourceConfig.ServableVersionPolicy.All | None = ...,
            specific: FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific | None = ...,
        ) -> None: ...

    class ServableToMonitor(Message):
        servable_name: str
        base_path: str
        @property
        def servable_version_policy(
            self,
        ) -> FileSystemStoragePathSourceConfig.ServableVersionPolicy: ...
        def __init__(
            self,
            *,
            servable_name: str | None = ...,
            base_path: str | None = ...,
            servable_version_policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy
            | None = ...,
        ) -> None: ...

    @property
    def servables(
        self,
    ) -> RepeatedCompositeFieldContainer[FileSystemStoragePathSourceConfig.ServableToMonitor]: ...
    file_system_poll_wait_seconds: int
    fail_if_zero_versions_at_startup: bool
    servable_versions_always_present: bool
    def __init__(
        self,
        *,
        servables: Iterable[FileSystemStoragePathSourceConfig.ServableToMonitor] | None = ...,
        file_system_poll_wait_seconds: int | None = ...,
        fail_if_zero_versions_at_startup: bool | None = ...,
        servable_versions_always_present: bool | None = ...,
    ) -> None: ...

class _ModelType(EnumTypeWrapper):
    MODEL_TYPE_UNSPECIFIED: int
    TENSORFLOW: int
    OTHER: int

ModelType: _ModelType

class ModelConfig(Message):
    name: str
    base_path: str
    model_type: int
    model_platform: str
    @property
    def model_version_policy(self) -> FileSystemStoragePathSourceConfig.ServableVersionPolicy: ...
    @property
    def version_labels(self) -> ScalarMap[str, int]: ...
    @property
    def logging_config(self) -> LoggingConfig: ...
    def __init__(
        self,
        *,
        name: str | None = ...,
        base_path: str | None = ...,
        model_type: int | None = ...,
        model_platform: str | None = ...,
        model_version_policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy | None = ...,
        version_labels: Mapping[str, int] | None = ...,
        logging_config: LoggingConfig | None = ...,
    ) -> None: ...

class ModelConfigList(Message):
    @property
    def config(self) -> RepeatedCompositeFieldContainer[ModelConfig]: ...
    def __init__(self, *, config: Iterable[ModelConfig] | None = ...) -> None: ...

class ModelServerConfig(Message):
    @property
    def model_config_list(self) -> ModelConfigList: ...
    @property
    def custom_model_config(self) -> Any: ...
    def __init__(
        self,
        *,
        model_config_list: ModelConfigList | None = ...,
        custom_model_config: Any | None = ...,
    ) -> None: ...

class ReloadConfigRequest(Message):
    @property
    def config(self) -> ModelServerConfig: ...
    @property
    def metric_names(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self, *, config: ModelServerConfig | None = ..., metric_names: Iterable[str] | None = ...
    ) -> None: ...

class ReloadConfigResponse(Message):
    @property
    def status(self) -> StatusProto: ...
    @property
    def metric(self) -> RepeatedCompositeFieldContainer[Metric]: ...
    def __init__(
        self, *, status: StatusProto | None = ..., metric: Iterable[Metric] | None = ...
    ) -> None: ...

class Metric(Message):
    name: str
    int64_value_increase: int
    def __init__(
        self, *, name: str | None = ..., int64_value_increase: int | None = ...
    ) -> None: ...

class PredictRequest(Message):
    class RequestOptions(Message):
        class _DeterministicMode(EnumTypeWrapper):
            DETERMINISTIC_MODE_UNSPECIFIED: int
            FIXED_DECODER_SLOT: int

        DeterministicMode: _DeterministicMode
        DETERMINISTIC_MODE_UNSPECIFIED: int
        FIXED_DECODER_SLOT: int
        class Handshake(Message):
            estimated_payload_bytes: int
            def __init__(self, *, estimated_payload_bytes: int | None = ...) -> None: ...

        client_id: bytes
        deterministic_mode: int
        return_additional_arrays_from_prefill: bool
        @property
        def return_stoptokens(self) -> RepeatedScalarFieldContainer[int]: ...
        return_all_stoptokens: bool
        max_cache_length: int
        @property
        def handshake(self) -> PredictRequest.RequestOptions.Handshake: ...
        def __init__(
            self,
            *,
            client_id: bytes | None = ...,
            deterministic_mode: int | None = ...,
            return_additional_arrays_from_prefill: bool | None = ...,
            return_stoptokens: Iterable[int] | None = ...,
            return_all_stoptokens: bool | None = ...,
            max_cache_length: int | None = ...,
            handshake: PredictRequest.RequestOptions.Handshake | None = ...,
        ) -> None: ...

    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def inputs(self) -> MessageMap[str, TensorProto]: ...
    @property
    def output_filter(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def predict_streamed_options(self) -> PredictStreamedOptions: ...
    client_id: bytes
    @property
    def request_options(self) -> PredictRequest.RequestOptions: ...
    def __init__(
        self,
        *,
        model_spec: ModelSpec | None = ...,
        inputs: Mapping[str, TensorProto] | None = ...,
        output_filter: Iterable[str] | None = ...,
        predict_streamed_options: PredictStreamedOptions | None = ...,
        client_id: bytes | None = ...,
        request_options: PredictRequest.RequestOptions | None = ...,
    ) -> None: ...

class PredictStreamedOptions(Message):
    class _RequestState(EnumTypeWrapper):
        NONE: int
        SPLIT: int
        END_SPLIT: int
        CANCEL: int

    RequestState: _RequestState
    NONE: int
    SPLIT: int
    END_SPLIT: int
    CANCEL: int
    request_state: int
    @property
    def split_dimensions(self) -> ScalarMap[str, int]: ...
    return_single_response: bool
    def __init__(
        self,
        *,
        request_state: int | None = ...,
        split_dimensions: Mapping[str, int] | None = ...,
        return_single_response: bool | None = ...,
    ) -> None: ...

class PredictResponse(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    @property
    def outputs(self) -> MessageMap[str, TensorProto]: ...
    def __init__(
        self, *, model_spec: ModelSpec | None = ..., outputs: Mapping[str, TensorProto] | None = ...
    ) -> None: ...

class SessionRunRequest(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    def __init__(self, *, model_spec: ModelSpec | None = ...) -> None: ...

class SessionRunResponse(Message):
    @property
    def model_spec(self) -> ModelSpec: ...
    def __init__(self, *, model_spec: ModelSpec | None = ...) -> None: ...

class ClassifyLog(Message):
    @property
    def request(self) -> ClassificationRequest: ...
    @property
    def response(self) -> ClassificationResponse: ...
    def __init__(
        self,
        *,
        request: ClassificationRequest | None = ...,
        response: ClassificationResponse | None = ...,
    ) -> None: ...

class RegressLog(Message):
    @property
    def request(self) -> RegressionRequest: ...
    @property
    def response(self) -> RegressionResponse: ...
    def __init__(
        self, *, request: RegressionRequest | None = ..., response: RegressionResponse | None = ...
    ) -> None: ...

class PredictLog(Message):
    @property
    def request(self) -> PredictRequest: ...
    @property
    def response(self) -> PredictResponse: ...
    def __init__(
        self, *, request: PredictRequest | None = ..., response: PredictResponse | None = ...
    ) -> None: ...

class PredictStreamedLog(Message):
    @property
    def request(self) -> RepeatedCompositeFieldContainer[PredictRequest]: ...
    @property
    def response(self) -> RepeatedCompositeFieldContainer[PredictResponse]: ...
    def __init__(
        self,
        *,
        request: Iterable[PredictRequest] | None = ...,
        response: Iterable[PredictResponse] | None = ...,
    ) -> None: ...

class MultiInferenceLog(Message):
    @property
    def request(self) -> MultiInferenceRequest: ...
    @property
    def response(self) -> MultiInferenceResponse: ...
    def __init__(
        self,
        *,
        request: MultiInferenceRequest | None = ...,
        response: MultiInferenceResponse | None = ...,
    ) -> None: ...

class SessionRunLog(Message):
    @property
    def request(self) -> SessionRunRequest: ...
    @property
    def response(self) -> SessionRunResponse: ...
    def __init__(
        self, *, request: SessionRunRequest | None = ..., response: SessionRunResponse | None = ...
    ) -> None: ...

class PredictionLog(Message):
    @property
    def log_metadata(self) -> LogMetadata: ...
    @property
    def classify_log(self) -> ClassifyLog: ...
    @property
    def regress_log(self) -> RegressLog: ...
    @property
    def predict_log(self) -> PredictLog: ...
    @property
    def predict_streamed_log(self) -> PredictStreamedLog: ...
    @property
    def multi_inference_log(self) -> MultiInferenceLog: ...
    @property
    def session_run_log(self) -> SessionRunLog: ...
    def __init__(
        self,
        *,
        log_metadata: LogMetadata | None = ...,
        classify_log: ClassifyLog | None = ...,
        regress_log: RegressLog | None = ...,
        predict_log: PredictLog | None = ...,
        predict_streamed_log: PredictStreamedLog | None = ...,
        multi_inference_log: MultiInferenceLog | None = ...,
        session_run_log: SessionRunLog | None = ...,
    ) -> None: ...

class PrometheusConfig(Message):
    enable: bool
    path: str
    def __init__(self, *, enable: bool | None = ..., path: str | None = ...) -> None: ...

class MonitoringConfig(Message):
    @property
    def prometheus_config(self) -> PrometheusConfig: ...
    def __init__(self, *, prometheus_config: PrometheusConfig | None = ...) -> None: ...

class PlatformConfig(Message):
    @property
    def source_adapter_config(self) -> Any: ...
    def __init__(self, *, source_adapter_config: Any | None = ...) -> None: ...

class PlatformConfigMap(Message):
    @property
    def platform_configs(self) -> MessageMap[str, PlatformConfig]: ...
    def __init__(self, *, platform_configs: Mapping[str, PlatformConfig] | None = ...) -> None: ...

class SSLConfig(Message):
    server_key: str
    server_cert: str
    custom_ca: str
    client_verify: bool
    def __init__(
        self,
        *,
        server_key: str | None = ...,
        server_cert: str | None = ...,
        custom_ca: str | None = ...,
        client_verify: bool | None = ...,
    ) -> None: ...

class BatchingParameters(Message):
    @property
    def max_batch_size(self) -> Int64Value: ...
    @property
    def batch_timeout_micros(self) -> Int64Value: ...
    @property
    def max_enqueued_batches(self) -> Int64Value: ...
    @property
    def num_batch_threads(self) -> Int64Value: ...
    @property
    def thread_pool_name(self) -> StringValue: ...
    @property
    def allowed_batch_sizes(self) -> RepeatedScalarFieldContainer[int]: ...
    pad_variable_length_inputs: bool
    @property
    def enable_large_batch_splitting(self) -> BoolValue: ...
    @property
    def max_execution_batch_size(self) -> Int64Value: ...
    def __init__(
        self,
        *,
        max_batch_size: Int64Value | None = ...,
        batch_timeout_micros: Int64Value | None = ...,
        max_enqueued_batches: Int64Value | None = ...,
        num_batch_threads: Int64Value | None = ...,
        thread_pool_name: StringValue | None = ...,
        allowed_batch_sizes: Iterable[int] | None = ...,
        pad_variable_length_inputs: bool | None = ...,
        enable_large_batch_splitting: BoolValue | None = ...,
        max_execution_batch_size: Int64Value | None = ...,
    ) -> None: ...
