"""The API without a transport: requests in, responses out, errors raised.

gRPC and REST both call this, so that they cannot answer differently.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import protos
from model_server.api import classify, metadata, multi_inference, regress, tensors
from model_server.api.administration import Administration, model_spec
from model_server.api.examples import RunTensors
from model_server.api.predict import choose_outputs, find_signature, read_inputs
from model_server.api.rules import SignatureRules
from model_server.models.catalog import Catalog
from model_server.models.version import Version
from model_server.observation.observer import Observer
from model_server.runtimes.arrays import Array
from model_server.runtimes.limits import NO_LIMITS, CallLimits
from model_server.runtimes.signatures import DEFAULT_SIGNATURE, Signature


class Engine:
    """Answers every call of PredictionService, and has who answers ModelService. Thread-safe."""

    def __init__(
        self,
        catalog: Catalog,
        administration: Administration,
        rules: SignatureRules,
        observer: Observer,
        as_content: bool = False,
    ) -> None:
        """Create an engine.

        Args:
            catalog: The models.
            administration: Answers ModelService.
            rules: How strict Predict is.
            observer: Told of every finished call by the transports.
            as_content: Answer in ``tensor_content`` instead of the typed fields.
        """
        self.catalog = catalog
        self.administration = administration
        self.rules = rules
        self.observer = observer
        self._metrics = observer.metrics
        self._as_content = as_content

    def predict(self, request: Any, limits: CallLimits = NO_LIMITS) -> Any:
        """Answer a ``PredictRequest``.

        Args:
            request: The message.
            limits: What bounds the call.

        Raises:
            ServingError: With TensorFlow Serving's code and text.
        """
        spec = model_spec(request)
        with self.catalog.lease(spec) as version:
            signature = find_signature(version.model, spec.signature_name)
            feeds = read_inputs(signature, request.inputs, self.rules)
            names = choose_outputs(signature, request.output_filter)
            values = self.run(version, signature, feeds, names, limits)
        response = protos.PredictResponse()
        _describe(response.model_spec, version, signature.key)
        for name, value in zip(names, values, strict=True):
            tensors.to_proto(value, response.outputs[name], self._as_content)
        return response

    def run(
        self,
        version: Version,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run a signature of a leased version for Predict, over gRPC or REST.

        Args:
            version: The version.
            signature: One of its signatures.
            feeds: Array by input alias.
            outputs: Output aliases.
            limits: What bounds the call.

        Returns:
            One array per entry of ``outputs``.
        """
        begin = time.perf_counter()
        values = version.model.run(signature, feeds, outputs, limits)
        self._measure(version, "Predict", begin)
        return values

    def _runner(self, version: Version, api: str, limits: CallLimits) -> RunTensors:
        def run(feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Array]:
            begin = time.perf_counter()
            values = version.model.run_tensors(feeds, fetches, limits)
            if api:
                self._measure(version, api, begin)
            return values

        return run

    def _measure(self, version: Version, api: str, begin: float) -> None:
        if self._metrics is not None:
            micros = (time.perf_counter() - begin) * 1e6
            self._metrics.runtime_latency.observe(micros, version.model_name, api, "TF1")

    def classify(self, request: Any, limits: CallLimits = NO_LIMITS) -> Any:
        """Answer a ``ClassificationRequest``."""
        response = protos.ClassificationResponse()
        with self.catalog.lease(model_spec(request)) as version:
            run = self._runner(version, "Classify", limits)
            result = classify.answer(version.model, request, self.rules, run)
        response.result.CopyFrom(result)
        _describe(response.model_spec, version, _key(request.model_spec))
        return response

    def regress(self, request: Any, limits: CallLimits = NO_LIMITS) -> Any:
        """Answer a ``RegressionRequest``."""
        response = protos.RegressionResponse()
        with self.catalog.lease(model_spec(request)) as version:
            run = self._runner(version, "Regress", limits)
            result = regress.answer(version.model, request, self.rules, run)
        response.result.CopyFrom(result)
        _describe(response.model_spec, version, _key(request.model_spec))
        return response

    def infer_all(self, request: Any, limits: CallLimits = NO_LIMITS) -> Any:
        """Answer a ``MultiInferenceRequest``."""
        first = request.tasks[0].model_spec if request.tasks else protos.ModelSpec()
        with self.catalog.lease(first) as version:
            run = self._runner(version, "", limits)
            response, examples = multi_inference.answer(version.model, request, self.rules, run)
        if self._metrics is not None:
            self._metrics.example_counts.observe(examples, version.model_name)
            self._metrics.example_count_total.add(version.model_name, count=examples)
        for task, result in zip(request.tasks, response.results, strict=True):
            _describe(result.model_spec, version, _key(task.model_spec))
        return response

    def metadata(self, request: Any) -> Any:
        """Answer a ``GetModelMetadataRequest``."""
        spec = model_spec(request)
        metadata.check_fields(request)
        with self.catalog.lease(spec) as version:
            response = metadata.describe(version.model)
        _describe(response.model_spec, version, "")
        return response


def _key(spec: Any) -> str:
    return spec.signature_name or DEFAULT_SIGNATURE


def _describe(spec: Any, version: Version, signature_name: str) -> None:
    """Name the model, its numeric version (never the label) and the signature that answered."""
    spec.name = version.model_name
    spec.version.value = version.number
    spec.signature_name = signature_name
