package io.thecodeforge.ml.contract;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

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

  private static final Set<String> NOT_FINITE = Set.of("NaN", "Infinity", "-Infinity");

  /** Copies the lists. */
  public DefaultValue {
    json = frozen(Objects.requireNonNull(json, "json"));
  }

  /** Returns the value of a tensor. */
  public static DefaultValue of(TensorValue tensor) {
    return new DefaultValue(nested(tensor));
  }

  private static Object nested(TensorValue tensor) {
    long[] shape = tensor.shape();
    if (shape.length == 0) {
      return item(tensor);
    }
    List<Object> rows = new ArrayList<>();
    for (int row = 0; row < shape[0]; row++) {
      rows.add(nested(tensor.at(row)));
    }
    return rows;
  }

  private static Object item(TensorValue scalar) {
    if (scalar.isText()) {
      return text(scalar.byteStrings()[0]);
    }
    if (scalar.isComplex()) {
      Map<String, Object> parts = new LinkedHashMap<>();
      parts.put("re", number(scalar.number(0)));
      parts.put("im", number(scalar.imaginary(0)));
      return parts;
    }
    if (scalar.data() instanceof boolean[] flags) {
      return flags[0];
    }
    if (!scalar.element().isWhole()) {
      return number(scalar.number(0));
    }
    long whole = scalar.element().whole(scalar.data(), 0);
    if (whole < 0 && scalar.element().isUnsigned()) {
      return new BigInteger(Long.toUnsignedString(whole));
    }
    return whole;
  }

  private static Object number(double value) {
    if (Double.isFinite(value)) {
      return value;
    }
    return Double.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }

  private static Object text(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      return Map.of("b64", Base64.getEncoder().encodeToString(bytes));
    }
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

  /**
   * Returns the value as a tensor.
   *
   * @param dtype the input's
   * @throws IllegalArgumentException when it is ragged, or no value of that dtype
   */
  public TensorValue tensor(String dtype) {
    Element element = Element.of(dtype);
    List<Long> shape = new ArrayList<>();
    Object first = json;
    while (first instanceof List<?> list) {
      shape.add((long) list.size());
      first = list.isEmpty() ? null : list.get(0);
    }
    List<Object> items = new ArrayList<>();
    flatten(json, shape, items);
    Object data = element.zeros(items.size());
    for (int i = 0; i < items.size(); i++) {
      put(element, data, i, items.get(i));
    }
    return TensorValue.of(dtype, data, shape.stream().mapToLong(Long::longValue).toArray());
  }

  private void flatten(Object value, List<Long> shape, List<Object> into) {
    if (shape.isEmpty() || !(value instanceof List<?> list) || list.size() != shape.get(0)) {
      if (!shape.isEmpty() || value instanceof List<?>) {
        throw new IllegalArgumentException("expected rows of one length, received " + this);
      }
      into.add(value);
      return;
    }
    list.forEach(item -> flatten(item, shape.subList(1, shape.size()), into));
  }

  private void put(Element element, Object data, int index, Object item) {
    if (element == Element.STRING) {
      ((byte[][]) data)[index] = bytes(item);
    } else if (element.isComplex()) {
      Map<?, ?> parts = item instanceof Map<?, ?> found ? found : Map.of("re", item, "im", 0L);
      element.set(data, 2 * index, number(parts.get("re")));
      element.set(data, 2 * index + 1, number(parts.get("im")));
    } else {
      element.set(data, index, number(item));
    }
  }

  private byte[] bytes(Object item) {
    if (item instanceof String text) {
      return text.getBytes(StandardCharsets.UTF_8);
    }
    if (item instanceof Map<?, ?> object && object.get("b64") instanceof String text) {
      return Base64.getDecoder().decode(text);
    }
    throw new IllegalArgumentException("expected text, received " + this);
  }

  private Number number(Object item) {
    if (item instanceof Number number) {
      return number;
    }
    if (item instanceof Boolean flag) {
      return flag ? 1 : 0;
    }
    if (item instanceof String text && NOT_FINITE.contains(text)) {
      return Double.valueOf(text);
    }
    throw new IllegalArgumentException("expected numbers, received " + this);
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
