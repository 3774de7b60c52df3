package io.thecodeforge.ml.contract;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model's signatures and, for a published version, also its class names.
 *
 * <p>Immutable.
 *
 * @param model the model's name
 * @param signatures signature by key, in the order of the file
 * @param dimensions meaning of each named dimension
 * @param bound size of each named dimension that is already known
 * @param classNames names in column order; empty in a contract that is not published
 * @param tags the tags of the graph that is served
 * @param parameters what else was fixed at export, for instance thresholds, as JSON holds it
 */
public record Contract(
    String model,
    Map<String, SignatureSpec> signatures,
    Map<String, String> dimensions,
    Map<String, Long> bound,
    List<String> classNames,
    List<String> tags,
    Map<String, Object> parameters) {

  /** The tags of a graph that is made for serving, as TensorFlow gives them. */
  public static final List<String> DEFAULT_TAGS = List.of("serve");

  /** The dimension that counts the classes: column i of such an axis belongs to the i-th name. */
  static final String CLASSES_DIMENSION = "C";

  /** Where a published version keeps its own copy. */
  public static final Path PUBLISHED_FILE = Path.of("assets.extra", "contract.json");

  /** Copies the collections, so that a contract never changes. */
  public Contract {
    signatures = Collections.unmodifiableMap(new LinkedHashMap<>(signatures));
    dimensions = Map.copyOf(dimensions);
    bound = Map.copyOf(bound);
    classNames = List.copyOf(classNames);
    tags = List.copyOf(tags);
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
  }

  /**
   * Describes a model whose graph has {@link #DEFAULT_TAGS} and no parameters.
   *
   * @param model the model's name
   * @param signatures signature by key
   * @param dimensions meaning of each named dimension
   * @param bound size of each named dimension that is already known
   * @param classNames names in column order; empty for none
   */
  public Contract(
      String model,
      Map<String, SignatureSpec> signatures,
      Map<String, String> dimensions,
      Map<String, Long> bound,
      List<String> classNames) {
    this(model, signatures, dimensions, bound, classNames, DEFAULT_TAGS, Map.of());
  }

  /**
   * Returns the contract of this toolkit, which every version of the model must follow.
   *
   * @param model the model's name, for instance {@code classifier}
   * @throws ContractFileException when this toolkit has no contract for such a model
   */
  public static Contract ofModel(String model) {
    String resource = "/io/thecodeforge/ml/contracts/%s.json".formatted(model);
    try (InputStream stream = Contract.class.getResourceAsStream(resource)) {
      if (stream == null) {
        throw new ContractFileException(
            "this toolkit has no contract for a model named \"%s\" (no resource %s)"
                .formatted(model, resource));
      }
      return parse(new String(stream.readAllBytes(), StandardCharsets.UTF_8), resource);
    } catch (IOException e) {
      throw new ContractFileException("cannot read the resource " + resource, e);
    }
  }

  /**
   * Reads the copy that a published version carries.
   *
   * @param version the version's directory, {@code MODELS/<model>/<version>}
   * @throws ContractFileException when there is none, or it cannot be read as a contract
   */
  public static Contract ofVersion(Path version) {
    Path file = version.resolve(PUBLISHED_FILE);
    if (!Files.exists(file)) {
      throw new ContractFileException(
          ("no contract at %s: is this a version that `python -m export` published, such as"
                  + " MODELS/classifier/1?")
              .formatted(file));
    }
    return read(file);
  }

  /**
   * Reads a contract.
   *
   * @param path a contract file, or a published version's directory
   * @throws ContractFileException when there is none, or it cannot be read as a contract
   */
  public static Contract load(Path path) {
    return Files.isDirectory(path) ? ofVersion(path) : read(path);
  }

  private static Contract read(Path file) {
    try {
      return parse(Files.readString(file), file.toString());
    } catch (NoSuchFileException e) {
      throw new ContractFileException("no contract at %s: No such file".formatted(file), e);
    } catch (CharacterCodingException e) {
      throw new ContractFileException(
          "%s: expected UTF-8 text, found other bytes".formatted(file), e);
    } catch (IOException e) {
      throw new ContractFileException("cannot read the contract %s: %s".formatted(file, e), e);
    }
  }

  /**
   * Parses a contract.
   *
   * @param json the document
   * @param source where it came from, for messages
   * @throws ContractFileException when the text is not JSON or does not follow the format
   */
  public static Contract parse(String json, String source) {
    try {
      return ContractFormat.contract(JsonDocument.read(json));
    } catch (MalformedContractException e) {
      throw new ContractFileException(e.of(source), e);
    }
  }

  /**
   * Returns a signature of this contract.
   *
   * @param key the signature key
   * @throws ContractMismatchException when there is none; the message lists those that exist
   */
  public SignatureSpec signature(String key) {
    SignatureSpec signature = signatures.get(key);
    if (signature == null) {
      throw new ContractMismatchException(
          "the signature \"%s\"".formatted(key), List.of(noSignature(key)));
    }
    return signature;
  }

  private Difference noSignature(String key) {
    return new Difference(
        "signature-missing",
        "signature key",
        "one of the contract's",
        key,
        List.copyOf(signatures.keySet()));
  }

  /**
   * Returns a signature of this contract, each bound dimension's name replaced by its size.
   *
   * @param key the signature key
   * @throws ContractMismatchException when there is none; the message lists those that exist
   */
  public SignatureSpec resolved(String key) {
    return signature(key).resolve(bound);
  }

  /**
   * Compares a model's signatures with this contract.
   *
   * <p>A shape must agree axis by axis: -1 stays -1 (a fixed batch is a difference), a bound
   * dimension has its size, an unbound one has one and the same size wherever it is named.
   *
   * @param found the signatures that a SavedModel, a server or another contract declares
   * @return the differences in contract order; empty when there are none
   */
  public List<Difference> differences(Map<String, SignatureSpec> found) {
    List<Difference> differences =
        new ArrayList<>(
            Difference.ofNames("", "signature", signatures.keySet(), found.keySet(), List.of()));
    Map<String, Long> sizes = new HashMap<>(bound);
    signatures.forEach(
        (key, want) -> {
          SignatureSpec have = found.get(key);
          if (have != null) {
            compare(key, "input", want.inputs(), have.inputs(), sizes, differences);
            compare(key, "output", want.outputs(), have.outputs(), sizes, differences);
          }
        });
    return differences;
  }

  private void compare(
      String key,
      String role,
      Map<String, TensorSpec> want,
      Map<String, TensorSpec> have,
      Map<String, Long> sizes,
      List<Difference> differences) {
    differences.addAll(Difference.ofNames(key, role, want.keySet(), have.keySet(), List.of()));
    want.forEach(
        (name, spec) -> {
          if (have.containsKey(name)) {
            String where = "%s %s \"%s\"".formatted(key, role, name);
            compare(where, role, spec, have.get(name), sizes, differences);
          }
        });
  }

  private void compare(
      String where,
      String role,
      TensorSpec want,
      TensorSpec have,
      Map<String, Long> sizes,
      List<Difference> differences) {
    boolean hasDtype = want.dtype().equals(have.dtype());
    // The first tensor that names a dimension binds it, also where the dtype is wrong.
    if (!want.hasShapeOf(have, sizes) || !hasDtype) {
      String rule = role + (hasDtype ? "-shape" : "-dtype");
      String wanted = want.resolve(bound).toString();
      differences.add(new Difference(rule, where, wanted, have.toString()));
    }
    if (!want.defaultValue().equals(have.defaultValue())) {
      differences.add(
          new Difference(role + "-default", where, want.defaultText(), have.defaultText()));
    }
  }

  /**
   * Compares the tensors of one request with this contract: names, dtypes, shapes and ranges.
   *
   * @param key the signature that is to be asked
   * @param inputs what is about to be sent; an input that has a default value may be missing
   * @return the differences; empty when the request may be sent
   */
  public List<Difference> requestDifferences(String key, Map<String, TensorValue> inputs) {
    SignatureSpec signature = signatures.get(key);
    if (signature == null) {
      return List.of(noSignature(key));
    }
    Map<String, TensorSpec> found = new LinkedHashMap<>();
    inputs.forEach((name, value) -> found.put(name, value.spec()));
    List<Difference> differences =
        new ArrayList<>(signature.resolve(bound).inputDifferences(key, found));
    signature
        .inputs()
        .forEach(
            (name, spec) -> {
              if (found.containsKey(name) && spec.admits(found.get(name))) {
                String where = "%s input \"%s\"".formatted(key, name);
                spec.range()
                    .flatMap(range -> range.inputDifference(where, inputs.get(name)))
                    .ifPresent(differences::add);
              }
            });
    return differences;
  }

  /**
   * Returns the values of a signature's inputs that a request may leave out.
   *
   * @param key the signature key
   * @return tensor by input name
   * @throws ContractMismatchException when there is no such signature
   * @throws IllegalArgumentException when a default is no value of its input's dtype
   */
  public Map<String, TensorValue> defaults(String key) {
    Map<String, TensorValue> defaults = new LinkedHashMap<>();
    signature(key)
        .inputs()
        .forEach(
            (name, spec) ->
                spec.defaultValue()
                    .ifPresent(value -> defaults.put(name, value.tensor(spec.dtype()))));
    return defaults;
  }

  /**
   * Compares the tensors of one answer with this contract: names, dtypes, shapes, ranges and the
   * order of the classes.
   *
   * @param where what was asked, for messages
   * @param key the signature that was asked
   * @param outputs what came back
   * @param asked the outputs that were asked for; empty for all
   * @return the differences; empty when the answer may be read
   */
  public List<Difference> answerDifferences(
      String where, String key, Map<String, TensorValue> outputs, Collection<String> asked) {
    return new AnswerCheck(this, where).differences(key, outputs, asked);
  }

  /**
   * Refuses signatures that differ from this contract.
   *
   * @param found the signatures that a SavedModel, a server or another contract declares
   * @param subject what is being compared, for the message
   * @throws ContractMismatchException with every difference
   */
  public void check(Map<String, SignatureSpec> found, String subject) {
    List<Difference> differences = differences(found);
    if (!differences.isEmpty()) {
      throw new ContractMismatchException(subject, differences);
    }
  }

  /**
   * Refuses class names other than this contract's, or in another order.
   *
   * <p>A contract without class names (one that is not published) accepts any.
   *
   * @param found the names in column order
   * @param subject what is being compared, for the message
   * @throws ContractMismatchException when the names or their order differ
   */
  public void checkClassNames(List<String> found, String subject) {
    if (!classNames.isEmpty() && !classNames.equals(found)) {
      throw new ContractMismatchException(
          subject,
          List.of(
              new Difference(
                  "class-order",
                  "class order",
                  PythonText.list(classNames),
                  PythonText.list(found))));
    }
  }

  /**
   * Refuses an answer with a value outside the range that this contract states for an output, give
   * or take the output's tolerance. Where it states none, any value is accepted.
   *
   * @param key the signature that was asked
   * @param output one of its outputs
   * @param values the output's values
   * @param subject whose answer it is, for the message
   * @throws ContractMismatchException when a value is outside, or not a number
   */
  public void checkRange(String key, String output, TensorValue values, String subject) {
    TensorSpec spec = signature(key).outputs().get(output);
    if (spec == null || spec.range().isEmpty()) {
      return;
    }
    String where = "%s output \"%s\"".formatted(key, output);
    spec.range()
        .get()
        .outputDifference(where, values, spec.tolerance(), i -> true)
        .ifPresent(
            difference -> {
              throw new ContractMismatchException(subject, List.of(difference));
            });
  }
}
