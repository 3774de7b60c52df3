package io.thecodeforge.ml.contract;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Values that {@link JsonDocument} read, written again as Python's {@code json.dumps} does. */
final class JsonText {

  private JsonText() {}

  /** Returns a value as JSON text on one line, for messages. */
  static String of(Object value) {
    if (value instanceof Map<?, ?> object) {
      return object.entrySet().stream()
          .map(entry -> of(entry.getKey()) + ": " + of(entry.getValue()))
          .collect(Collectors.joining(", ", "{", "}"));
    }
    if (value instanceof List<?> list) {
      return list.stream().map(JsonText::of).collect(Collectors.joining(", ", "[", "]"));
    }
    if (value instanceof String text) {
      return quoted(text);
    }
    return value instanceof Double number ? number(number) : String.valueOf(value);
  }

  private static String number(double value) {
    if (Double.isFinite(value)) {
      return NumberText.exact(value);
    }
    return Double.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char one : text.toCharArray()) {
      switch (one) {
        case '"' -> quoted.append("\\\"");
        case '\\' -> quoted.append("\\\\");
        case '\n' -> quoted.append("\\n");
        case '\r' -> quoted.append("\\r");
        case '\t' -> quoted.append("\\t");
        case '\f' -> quoted.append("\\f");
        case '\b' -> quoted.append("\\b");
        default -> quoted.append(one < ' ' ? "\\u%04x".formatted((int) one) : one);
      }
    }
    return quoted.append('"').toString();
  }
}
