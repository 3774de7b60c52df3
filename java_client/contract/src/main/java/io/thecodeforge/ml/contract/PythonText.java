package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Texts as Python shows them in a list, so that messages are the same in both languages. */
final class PythonText {

  private PythonText() {}

  /** Returns a list of texts: {@code ['cat', 'dog']}. */
  static String list(List<String> texts) {
    return texts.stream().map(PythonText::quoted).collect(Collectors.joining(", ", "[", "]"));
  }

  /** Returns a tensor of texts, its rows nested; a scalar as it is. */
  static String nested(TensorValue texts) {
    if (texts.shape().length == 0) {
      return texts.texts().get(0);
    }
    List<String> parts = new ArrayList<>();
    for (int row = 0; row < texts.shape()[0]; row++) {
      TensorValue part = texts.at(row);
      parts.add(part.shape().length == 0 ? quoted(nested(part)) : nested(part));
    }
    return "[%s]".formatted(String.join(", ", parts));
  }

  private static String quoted(String text) {
    char quote = text.contains("'") && !text.contains("\"") ? '"' : '\'';
    StringBuilder quoted = new StringBuilder().append(quote);
    for (char one : text.toCharArray()) {
      switch (one) {
        case '\\' -> quoted.append("\\\\");
        case '\n' -> quoted.append("\\n");
        case '\r' -> quoted.append("\\r");
        case '\t' -> quoted.append("\\t");
        default -> {
          if (one == quote) {
            quoted.append('\\').append(one);
          } else if (one < ' ' || one == 0x7f) {
            quoted.append("\\x%02x".formatted((int) one));
          } else {
            quoted.append(one);
          }
        }
      }
    }
    return quoted.append(quote).toString();
  }
}
