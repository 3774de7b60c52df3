package io.thecodeforge.ml.contract;

import java.util.List;

/** The rules that what a model declares can break, as Python's {@code rules.STATIC_RULES}. */
public final class StaticRules {

  /** Their identifiers, in the order in which they are checked. */
  public static final List<String> IDS =
      List.of(
          "signature-missing",
          "signature-unknown",
          "input-missing",
          "input-unknown",
          "input-dtype",
          "input-shape",
          "input-default",
          "output-missing",
          "output-unknown",
          "output-dtype",
          "output-shape");

  private StaticRules() {}
}
