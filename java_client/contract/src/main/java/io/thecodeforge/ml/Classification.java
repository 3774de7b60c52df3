package io.thecodeforge.ml;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The answer for one image.
 *
 * @param label the most probable class
 * @param probability its probability, in [0, 1]
 * @param probabilities probability by class, in column order; they sum to 1
 * @param logits unnormalised log-probability by class, in column order
 */
public record Classification(
    String label, float probability, Map<String, Float> probabilities, Map<String, Float> logits) {

  /** Copies the maps, so that an answer never changes. */
  public Classification {
    probabilities = Collections.unmodifiableMap(new LinkedHashMap<>(probabilities));
    logits = Collections.unmodifiableMap(new LinkedHashMap<>(logits));
  }
}
