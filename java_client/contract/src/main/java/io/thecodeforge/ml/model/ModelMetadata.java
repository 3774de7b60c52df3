package io.thecodeforge.ml.model;

import io.thecodeforge.ml.contract.SignatureSpec;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/**
 * What a model is said to be, by its server or by its own file.
 *
 * @param model its name
 * @param version the version that answered; empty where nobody said
 * @param signatures signature by key, in alphabetical order
 */
public record ModelMetadata(
    String model, OptionalLong version, Map<String, SignatureSpec> signatures) {

  /** Copies the map. */
  public ModelMetadata {
    signatures = Collections.unmodifiableMap(new LinkedHashMap<>(signatures));
  }
}
