package io.thecodeforge.ml.contract;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The value of an input that a request may leave out, as JSON holds it: a tensor is its rows,
 * nested; a scalar is one value.
 *
 * <p>Numbers that are not finite are the texts {@code NaN}, {@code Infinity} and {@code -Infinity},
 * complex ones {@code {"re": 1.0, "im": 0.0}}, bytes that are no UTF-8 text {@code {"b64": "…"}}.
 * Two are equal when their values are, whether a number is written 1 or 1.0.
 *
 * <p>Immutable.
 *
 * @param json nested lists of {@link Long}, {@link Double}, {@link Boolean} and {@link String}
 */
public record DefaultValue(Object json) {

  /** Copies the lists. */
  public DefaultValue {
    json = frozen(Objects.requireNonNull(json, "json"));
  }

  private static Object frozen(Object value) {
    if (value instanceof List<?> list) {
      List<Object> copy = new ArrayList<>(list.size());
      list.forEach(item -> copy.add(frozen(item)));
      return Collections.unmodifiableList(copy);
    }
    return value instanceof Map<?, ?> object
        ? Collections.unmodifiableMap(new LinkedHashMap<>(object))
        : value;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DefaultValue value && plain(json).equals(plain(value.json));
  }

  @Override
  public int hashCode() {
    return plain(json).hashCode();
  }

  /** Returns the value with one form for each number. */
  private static Object plain(Object value) {
    if (value instanceof List<?> list) {
      return list.stream().map(DefaultValue::plain).toList();
    }
    if (value instanceof Map<?, ?> object) {
      Map<Object, Object> copy = new LinkedHashMap<>();
      object.forEach((key, item) -> copy.put(key, plain(item)));
      return copy;
    }
    if (value instanceof Boolean flag) {
      return flag ? BigDecimal.ONE : BigDecimal.ZERO;
    }
    boolean isNumber = value instanceof Number number && Double.isFinite(number.doubleValue());
    return isNumber ? new BigDecimal(value.toString()).stripTrailingZeros() : String.valueOf(value);
  }

  /** Returns it for messages: {@code the default [1, 2]}. */
  @Override
  public String toString() {
    return "the default " + JsonText.of(json);
  }
}
