package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Turns a JSON document into a {@link Contract}, refusing whatever the format does not know.
 *
 * <p>By the rules and in the words of Python's {@code signature_contract.contract_format}: one
 * folder of documents holds both to it. docs/compatibility.md says what the versions of the format
 * promise each other.
 */
final class ContractFormat {

  private static final int OLDEST_MAJOR = 1;
  private static final int MAJOR = 2;
  private static final int MINOR = 1;
  private static final Pattern VERSION = Pattern.compile("(\\d{1,9})\\.(\\d{1,9})");
  private static final double MOST = 1e300; // the largest number of a tolerance
  private static final int LONGEST = 60; // of a value in a message

  private final Map<String, Object> document;
  private final boolean isLater;
  private Map<String, String> dimensions = Map.of();

  private ContractFormat(Map<String, Object> document, boolean isLater) {
    this.document = document;
    this.isLater = isLater;
  }

  /** Reads the version first: it says how to read the rest. */
  static Contract contract(Object json) throws MalformedContractException {
    Map<String, Object> document = object(json, "the contract");
    if (!document.containsKey("contract_version")) {
      throw new MalformedContractException("the contract lacks contract_version");
    }
    return new ContractFormat(document, isLater(document.get("contract_version"))).contract();
  }

  private Contract contract() throws MalformedContractException {
    Map<String, Object> entry =
        keys(
            document,
            "the contract",
            List.of("model", "contract_version", "signatures"),
            List.of("summary", "tags", "dimensions", "bound", "class_names", "parameters"));
    dimensions = texts(entry.getOrDefault("dimensions", Map.of()), "dimensions");
    Map<String, SignatureSpec> signatures = new LinkedHashMap<>();
    for (var one : object(entry.get("signatures"), "signatures").entrySet()) {
      String key = name(one.getKey(), "signatures");
      signatures.put(key, signature(key, one.getValue()));
    }
    if (signatures.isEmpty()) {
      throw new MalformedContractException("signatures: expected at least one, found none");
    }
    List<String> tags = names(entry.getOrDefault("tags", Contract.DEFAULT_TAGS), "tags");
    String model = name(entry.get("model"), "model");
    text(entry.getOrDefault("summary", ""), "summary");
    List<String> classNames = names(entry.getOrDefault("class_names", List.of()), "class_names");
    return new Contract(
        model,
        signatures,
        dimensions,
        bound(entry.getOrDefault("bound", Map.of()), classNames.size()),
        classNames,
        tags,
        object(entry.getOrDefault("parameters", Map.of()), "parameters"));
  }

  /** Tells whether a version may say what this class does not know. */
  private static boolean isLater(Object json) throws MalformedContractException {
    if (json instanceof Long number && (number == 1 || number == 2)) {
      return false; // the first two versions were whole numbers
    }
    Matcher found = VERSION.matcher(json instanceof String text ? text : "");
    if (!found.matches()) {
      throw refusal(
          "contract_version", "a version such as \"%d.%d\"".formatted(MAJOR, MINOR), json);
    }
    int major = Integer.parseInt(found.group(1));
    if (major < OLDEST_MAJOR || major > MAJOR) {
      throw new MalformedContractException(
          ("contract_version is %s, and this toolkit reads %d.0 to %d.x; install the one that the"
                  + " contract was written with, or a later one")
              .formatted(json, OLDEST_MAJOR, MAJOR));
    }
    return major == MAJOR && Integer.parseInt(found.group(2)) > MINOR;
  }

  private SignatureSpec signature(String key, Object json) throws MalformedContractException {
    String where = "signature \"%s\"".formatted(key);
    Map<String, Object> entry =
        keys(json, where, List.of("inputs", "outputs"), List.of("summary", "ranking"));
    Map<String, TensorSpec> inputs = specs(entry.get("inputs"), key, "input");
    Map<String, TensorSpec> outputs = specs(entry.get("outputs"), key, "output");
    if (outputs.isEmpty()) {
      throw new MalformedContractException(
          "%s outputs: expected at least one, found none".formatted(key));
    }
    Optional<Ranking> ranking =
        entry.containsKey("ranking")
            ? Optional.of(ranking(entry.get("ranking"), key + " ranking", outputs))
            : Optional.empty();
    text(entry.getOrDefault("summary", ""), where + " summary");
    return new SignatureSpec(inputs, outputs, ranking);
  }

  private Ranking ranking(Object json, String where, Map<String, TensorSpec> outputs)
      throws MalformedContractException {
    Map<String, Object> entry = keys(json, where, List.of("scores"), List.of("count", "threshold"));
    String scores = ranked(entry.get("scores"), where + " scores", 2, outputs);
    String count =
        entry.containsKey("count") ? ranked(entry.get("count"), where + " count", 1, outputs) : "";
    return new Ranking(
        scores, count, text(entry.getOrDefault("threshold", ""), where + " threshold"));
  }

  private static String ranked(Object json, String where, int axes, Map<String, TensorSpec> outputs)
      throws MalformedContractException {
    if (!(json instanceof String name) || !outputs.containsKey(name)) {
      throw refusal(where, "one of " + String.join(", ", outputs.keySet()), json);
    }
    TensorSpec output = outputs.get(name);
    if (output.shape().isPresent() && output.shape().get().size() != axes) {
      throw new MalformedContractException(
          "%s: expected an output of %d axes, found %s".formatted(where, axes, output));
    }
    return name;
  }

  private Map<String, TensorSpec> specs(Object json, String key, String role)
      throws MalformedContractException {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    for (var entry : object(json, "%s %ss".formatted(key, role)).entrySet()) {
      String where = "%s %s \"%s\"".formatted(key, role, entry.getKey());
      specs.put(entry.getKey(), spec(entry.getValue(), where, role.equals("input")));
    }
    return specs;
  }

  private TensorSpec spec(Object json, String where, boolean isInput)
      throws MalformedContractException {
    Map<String, Object> entry =
        keys(
            json,
            where,
            List.of("dtype", "shape"),
            List.of("axes", "range", "meaning", isInput ? "default" : "tolerance"));
    if (!(entry.get("dtype") instanceof String dtype) || !DataTypes.NAMES.contains(dtype)) {
      throw refusal(
          where + " dtype", "one of " + String.join(", ", DataTypes.NAMES), entry.get("dtype"));
    }
    Optional<List<Size>> shape = shape(entry.get("shape"), where + " shape");
    if (entry.containsKey("default") && entry.get("default") == null) {
      throw refusal(where + " default", "a value", null);
    }
    if (entry.containsKey("axes")) {
      checkAxes(entry.get("axes"), shape, where + " axes");
    }
    Optional<ValueRange> range =
        entry.containsKey("range")
            ? Optional.of(range(entry.get("range"), dtype, where + " range"))
            : Optional.empty();
    text(entry.getOrDefault("meaning", ""), where + " meaning");
    Optional<Tolerance> tolerance =
        entry.containsKey("tolerance")
            ? Optional.of(tolerance(entry.get("tolerance"), where + " tolerance"))
            : Optional.empty();
    return new TensorSpec(
        dtype,
        shape,
        tolerance,
        range,
        Optional.ofNullable(entry.get("default")).map(DefaultValue::new));
  }

  private Optional<List<Size>> shape(Object json, String where) throws MalformedContractException {
    if (json == null) {
      return Optional.empty();
    }
    List<Size> shape = new ArrayList<>();
    for (Object size : list(json, where)) {
      shape.add(size(size, "%s[%d]".formatted(where, shape.size())));
    }
    return Optional.of(shape);
  }

  private Size size(Object json, String where) throws MalformedContractException {
    if (json instanceof String name) {
      if (!dimensions.containsKey(name)) {
        throw new MalformedContractException(
            "%s: there is no dimension %s".formatted(where, JsonText.of(name)));
      }
      return new Size.Named(name);
    }
    if (json instanceof Long count && count >= -1) {
      return new Size.Count(count);
    }
    throw refusal(where, "-1, a size or a dimension's name", json);
  }

  private static void checkAxes(Object json, Optional<List<Size>> shape, String where)
      throws MalformedContractException {
    List<?> axes = list(json, where);
    for (int i = 0; i < axes.size(); i++) {
      text(axes.get(i), "%s[%d]".formatted(where, i));
    }
    if (shape.isPresent() && shape.get().size() != axes.size()) {
      throw refusal(where, "a name for each of %d axes".formatted(shape.get().size()), json);
    }
  }

  private static ValueRange range(Object json, String dtype, String where)
      throws MalformedContractException {
    if (DataTypes.WITHOUT_RANGE.contains(dtype)) {
      throw new MalformedContractException(
          "%s: values of %s have no range".formatted(where, dtype));
    }
    if (json instanceof List<?> bounds
        && bounds.size() == 2
        && bounds.get(0) instanceof Number low
        && bounds.get(1) instanceof Number high
        && -MOST < low.doubleValue() // JSON can write what no dtype holds
        && high.doubleValue() < MOST
        && low.doubleValue() <= high.doubleValue()) {
      return new ValueRange(low.doubleValue(), high.doubleValue());
    }
    throw refusal(where, "[lowest, highest]", json);
  }

  private Tolerance tolerance(Object json, String where) throws MalformedContractException {
    Map<String, Object> entry = keys(json, where, List.of("absolute"), List.of("relative"));
    return new Tolerance(
        share(entry.get("absolute"), where + " absolute"),
        share(entry.getOrDefault("relative", 0.0), where + " relative"));
  }

  private static double share(Object json, String where) throws MalformedContractException {
    if (json instanceof Number number && number.doubleValue() >= 0 && number.doubleValue() < MOST) {
      return number.doubleValue();
    }
    throw refusal(where, "a number of at least 0", json);
  }

  private Map<String, Long> bound(Object json, long classes) throws MalformedContractException {
    Map<String, Long> bound = new LinkedHashMap<>();
    for (var entry : object(json, "bound").entrySet()) {
      String where = "bound \"%s\"".formatted(entry.getKey());
      if (!dimensions.containsKey(entry.getKey())) {
        throw new MalformedContractException(where + ": there is no such dimension");
      }
      if (!(entry.getValue() instanceof Long size) || size < 0) {
        throw refusal(where, "a size", entry.getValue());
      }
      bound.put(entry.getKey(), size);
    }
    if (classes > 0 && dimensions.containsKey(Contract.CLASSES_DIMENSION)) {
      bound.putIfAbsent(Contract.CLASSES_DIMENSION, classes);
      long size = bound.get(Contract.CLASSES_DIMENSION);
      if (size != classes) {
        throw refusal(
            "bound \"%s\"".formatted(Contract.CLASSES_DIMENSION),
            "%d, one for each of class_names".formatted(classes),
            size);
      }
    }
    return bound;
  }

  /** Returns an object after looking at its keys; only a later version may have unknown ones. */
  private Map<String, Object> keys(
      Object json, String where, List<String> required, List<String> optional)
      throws MalformedContractException {
    Map<String, Object> object = object(json, where);
    for (String name : required) {
      if (!object.containsKey(name)) {
        throw new MalformedContractException("%s lacks %s".formatted(where, name));
      }
    }
    Set<String> known = new TreeSet<>(required);
    known.addAll(optional);
    List<String> unknown = object.keySet().stream().filter(key -> !known.contains(key)).toList();
    if (!unknown.isEmpty() && !isLater) {
      throw new MalformedContractException(
          "%s has unknown %s; known are %s"
              .formatted(where, String.join(", ", unknown), String.join(", ", known)));
    }
    return object;
  }

  private static Map<String, Object> object(Object json, String where)
      throws MalformedContractException {
    if (!(json instanceof Map<?, ?> found)) {
      throw refusal(where, "an object", json);
    }
    Map<String, Object> object = new LinkedHashMap<>();
    found.forEach((key, value) -> object.put((String) key, value));
    return object;
  }

  private static List<?> list(Object json, String where) throws MalformedContractException {
    if (json instanceof List<?> list) {
      return list;
    }
    throw refusal(where, "a list", json);
  }

  private static String text(Object json, String where) throws MalformedContractException {
    if (json instanceof String text) {
      return text;
    }
    throw refusal(where, "a text", json);
  }

  private static String name(Object json, String where) throws MalformedContractException {
    if (json instanceof String text && !text.isEmpty()) {
      return text;
    }
    throw refusal(where, "a name", json);
  }

  private static List<String> names(Object json, String where) throws MalformedContractException {
    List<String> names = new ArrayList<>();
    for (Object item : list(json, where)) {
      names.add(name(item, "%s[%d]".formatted(where, names.size())));
    }
    Set<String> once = new HashSet<>();
    for (String name : names) {
      if (!once.add(name)) {
        throw new MalformedContractException(
            "%s: %s appears twice".formatted(where, JsonText.of(name)));
      }
    }
    return Collections.unmodifiableList(names);
  }

  private static Map<String, String> texts(Object json, String where)
      throws MalformedContractException {
    Map<String, String> texts = new LinkedHashMap<>();
    for (var entry : object(json, where).entrySet()) {
      String here = "%s \"%s\"".formatted(where, entry.getKey());
      texts.put(entry.getKey(), text(entry.getValue(), here));
    }
    return texts;
  }

  private static MalformedContractException refusal(String where, String expected, Object found) {
    String text = JsonText.of(found);
    if (text.codePointCount(0, text.length()) > LONGEST) {
      text = text.substring(0, text.offsetByCodePoints(0, LONGEST)) + "…";
    }
    return new MalformedContractException(
        "%s: expected %s, found %s".formatted(where, expected, text));
  }
}
