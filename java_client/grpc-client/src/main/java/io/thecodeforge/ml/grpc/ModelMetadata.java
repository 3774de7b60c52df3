package io.thecodeforge.ml.grpc;

import io.thecodeforge.ml.contract.SignatureSpec;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a server declares of a model.
 *
 * @param model the name under which the server has it
 * @param version the version that answered
 * @param signatures signature by key, in alphabetical order
 */
public record ModelMetadata(String model, long version, Map<String, SignatureSpec> signatures) {

  /** Copies the map. */
  public ModelMetadata {
    signatures = Collections.unmodifiableMap(new LinkedHashMap<>(signatures));
  }
}
