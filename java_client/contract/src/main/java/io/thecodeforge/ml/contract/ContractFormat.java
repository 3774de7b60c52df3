package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Turns a JSON document into a {@link Contract}, refusing whatever the format does not know. */
final class ContractFormat {

  /** Versions of the format that this class reads. 2 added tolerance and ranking. */
  private static final List<Long> VERSIONS = List.of(1L, 2L);

  private ContractFormat() {}

  static Contract contract(Object json) throws MalformedContractException {
    Map<String, Object> document =
        object(
            json,
            "the contract",
            Set.of("model", "contract_version", "signatures"),
            Set.of("summary", "dimensions", "bound", "class_names", "parameters"));
    if (!VERSIONS.contains(document.get("contract_version"))) {
      throw new MalformedContractException(
          "contract_version is %s, this toolkit reads %s"
              .formatted(
                  document.get("contract_version"),
                  VERSIONS.stream().map(String::valueOf).collect(Collectors.joining(" and "))));
    }
    Map<String, String> dimensions =
        values(document.getOrDefault("dimensions", Map.of()), "dimensions", String.class);
    Map<String, SignatureSpec> signatures = new LinkedHashMap<>();
    for (var entry : object(document.get("signatures"), "signatures").entrySet()) {
      signatures.put(entry.getKey(), signature(entry.getKey(), entry.getValue(), dimensions));
    }
    if (signatures.isEmpty()) {
      throw new MalformedContractException("a contract needs at least one signature");
    }
    return new Contract(
        cast(document.get("model"), "model", String.class),
        signatures,
        dimensions,
        values(document.getOrDefault("bound", Map.of()), "bound", Long.class),
        list(document.getOrDefault("class_names", List.of()), "class_names", String.class));
  }

  private static SignatureSpec signature(String key, Object json, Map<String, String> dimensions)
      throws MalformedContractException {
    Map<String, Object> entry =
        object(
            json,
            "signature '%s'".formatted(key),
            Set.of("inputs", "outputs"),
            Set.of("summary", "ranking"));
    Map<String, TensorSpec> outputs = specs(entry.get("outputs"), key + " output", dimensions);
    Optional<Ranking> ranking =
        entry.containsKey("ranking")
            ? Optional.of(ranking(entry.get("ranking"), key + " ranking", outputs))
            : Optional.empty();
    return new SignatureSpec(
        specs(entry.get("inputs"), key + " input", dimensions), outputs, ranking);
  }

  private static Ranking ranking(Object json, String where, Map<String, TensorSpec> outputs)
      throws MalformedContractException {
    Map<String, Object> entry = object(json, where, Set.of("scores", "count"), Set.of("threshold"));
    for (String role : List.of("scores", "count")) {
      if (!outputs.containsKey(entry.get(role))) {
        throw new MalformedContractException(
            "%s has %s '%s'; outputs are %s"
                .formatted(where, role, entry.get(role), String.join(", ", outputs.keySet())));
      }
      TensorSpec output = outputs.get(entry.get(role));
      int axes = role.equals("scores") ? 2 : 1;
      if (output.shape().orElse(List.of()).size() != axes) {
        throw new MalformedContractException(
            "%s has %s '%s' of %s; it needs %d axes"
                .formatted(where, role, entry.get(role), output, axes));
      }
    }
    Object threshold = entry.getOrDefault("threshold", "");
    if (!(threshold instanceof String parameter)) {
      throw new MalformedContractException(
          "%s has threshold %s; use a parameter's name".formatted(where, threshold));
    }
    return new Ranking((String) entry.get("scores"), (String) entry.get("count"), parameter);
  }

  private static Tolerance tolerance(Object json, String where) throws MalformedContractException {
    Map<String, Object> entry = object(json, where, Set.of("absolute"), Set.of("relative"));
    double[] values = new double[2];
    for (String name : entry.keySet()) {
      if (!(entry.get(name) instanceof Number number)
          || !(number.doubleValue() >= 0 && number.doubleValue() < 1e300)) {
        throw new MalformedContractException(
            "%s has %s %s; use a number of at least 0".formatted(where, name, entry.get(name)));
      }
      values[name.equals("absolute") ? 0 : 1] = number.doubleValue();
    }
    return new Tolerance(values[0], values[1]);
  }

  private static ValueRange range(Object json, String dtype, String where)
      throws MalformedContractException {
    if (dtype.equals("string")) {
      throw new MalformedContractException(
          where + " has a range, and text has none; use it for numbers");
    }
    if (json instanceof List<?> bounds
        && bounds.size() == 2
        && bounds.get(0) instanceof Number low
        && bounds.get(1) instanceof Number high
        && low.doubleValue() <= high.doubleValue()) {
      return new ValueRange(low.doubleValue(), high.doubleValue());
    }
    throw new MalformedContractException(
        "%s has range %s; use [lowest, highest]".formatted(where, json));
  }

  private static Map<String, TensorSpec> specs(
      Object json, String where, Map<String, String> dimensions) throws MalformedContractException {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    for (var entry : object(json, where + "s").entrySet()) {
      String here = "%s '%s'".formatted(where, entry.getKey());
      specs.put(entry.getKey(), spec(entry.getValue(), here, dimensions));
    }
    if (specs.isEmpty()) {
      throw new MalformedContractException(where + "s must be a non-empty object");
    }
    return specs;
  }

  private static TensorSpec spec(Object json, String here, Map<String, String> dimensions)
      throws MalformedContractException {
    Map<String, Object> entry =
        object(
            json, here, Set.of("dtype", "shape"), Set.of("axes", "range", "meaning", "tolerance"));
    String dtype = cast(entry.get("dtype"), here + " dtype", String.class);
    if (!DataTypes.names().contains(dtype)) {
      throw new MalformedContractException(
          "%s has dtype '%s'; known are %s"
              .formatted(here, dtype, String.join(", ", DataTypes.names())));
    }
    List<Size> shape = new ArrayList<>();
    for (Object size : list(entry.get("shape"), here + " shape", Object.class)) {
      if (size instanceof Long count && count >= -1) {
        shape.add(new Size.Count(count));
      } else if (size instanceof String name) {
        if (!dimensions.containsKey(name)) {
          throw new MalformedContractException(
              "%s names dimension '%s', not declared".formatted(here, name));
        }
        shape.add(new Size.Named(name));
      } else {
        throw new MalformedContractException(
            "%s has the size %s; use -1, a count or a name".formatted(here, size));
      }
    }
    Optional<Tolerance> stated =
        entry.containsKey("tolerance")
            ? Optional.of(tolerance(entry.get("tolerance"), here + " tolerance"))
            : Optional.empty();
    Optional<ValueRange> range =
        entry.containsKey("range")
            ? Optional.of(range(entry.get("range"), dtype, here))
            : Optional.empty();
    return new TensorSpec(dtype, Optional.of(shape), stated, range);
  }

  private static Map<String, Object> object(
      Object json, String where, Set<String> required, Set<String> optional)
      throws MalformedContractException {
    Map<String, Object> object = object(json, where);
    Set<String> missing = new TreeSet<>(required);
    missing.removeAll(object.keySet());
    if (!missing.isEmpty()) {
      throw new MalformedContractException(
          "%s lacks %s".formatted(where, String.join(", ", missing)));
    }
    Set<String> known = new TreeSet<>(required);
    known.addAll(optional);
    Set<String> unknown = new TreeSet<>(object.keySet());
    unknown.removeAll(known);
    if (!unknown.isEmpty()) {
      throw new MalformedContractException(
          "%s has unknown %s; known are %s"
              .formatted(where, String.join(", ", unknown), String.join(", ", known)));
    }
    return object;
  }

  private static Map<String, Object> object(Object json, String where)
      throws MalformedContractException {
    return values(json, where, Object.class);
  }

  private static <T> Map<String, T> values(Object json, String where, Class<T> type)
      throws MalformedContractException {
    Map<String, T> values = new LinkedHashMap<>();
    Map<?, ?> object = cast(json, where, Map.class);
    for (Map.Entry<?, ?> entry : object.entrySet()) {
      String key = (String) entry.getKey();
      values.put(key, cast(entry.getValue(), "%s '%s'".formatted(where, key), type));
    }
    return values;
  }

  private static <T> List<T> list(Object json, String where, Class<T> type)
      throws MalformedContractException {
    List<T> items = new ArrayList<>();
    for (Object item : cast(json, where, List.class)) {
      items.add(cast(item, where, type));
    }
    return items;
  }

  private static <T> T cast(Object json, String where, Class<T> type)
      throws MalformedContractException {
    if (!type.isInstance(json)) {
      throw new MalformedContractException(
          "%s must be %s, is %s".formatted(where, jsonName(type), jsonName(json.getClass())));
    }
    return type.cast(json);
  }

  private static String jsonName(Class<?> type) {
    if (Map.class.isAssignableFrom(type)) {
      return "an object";
    }
    if (List.class.isAssignableFrom(type)) {
      return "a list";
    }
    if (type == String.class) {
      return "a text";
    }
    return type == Long.class ? "a whole number" : "a " + type.getSimpleName().toLowerCase();
  }
}
