package io.thecodeforge.ml.contract;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * One request and the answer to it, as {@code vision-contract record} and the exporter store them:
 * the twin of {@code signature_contract/golden.py}.
 *
 * @param signature the signature key
 * @param name the case's name, unique within its signature
 * @param inputs tensor by input name
 * @param outputs tensor by output name; empty where nobody knows the answer
 */
public record GoldenCase(
    String signature,
    String name,
    Map<String, TensorValue> inputs,
    Map<String, TensorValue> outputs) {

  /** Where a published version keeps its own. */
  public static final Path PUBLISHED_FILE = Path.of("assets.extra", "golden.npz");

  private static final String SUFFIX = ".npy";

  /** Copies the maps. */
  public GoldenCase {
    inputs = Collections.unmodifiableMap(new LinkedHashMap<>(inputs));
    outputs = Collections.unmodifiableMap(new LinkedHashMap<>(outputs));
  }

  /**
   * Makes a request that nobody recorded.
   *
   * @param contract the contract
   * @param key one of its signatures
   * @param text what each text is, see {@link MadeUpRequest}
   */
  public static GoldenCase madeUp(Contract contract, String key, byte[] text) {
    return new GoldenCase(
        key, "made_up", MadeUpRequest.acceptable(contract.resolved(key), text), Map.of());
  }

  /**
   * Reads the cases of a file.
   *
   * @param path the {@code .npz} file, or a published version's directory
   * @param contract the contract whose signatures the cases belong to
   * @throws ContractFileException when there is no such file, it is damaged, or a case belongs to
   *     no signature of the contract or lacks one of its tensors
   */
  public static List<GoldenCase> load(Path path, Contract contract) {
    Path file = Files.isDirectory(path) ? path.resolve(PUBLISHED_FILE) : path;
    Map<String, TensorValue> arrays = arrays(file);
    try {
      Set<List<String>> names = new LinkedHashSet<>();
      for (String key : arrays.keySet()) {
        String[] parts = key.split("/", -1);
        if (parts.length < 3) {
          throw new IllegalArgumentException("\"%s\" names no tensor of a case".formatted(key));
        }
        names.add(List.of(plain(parts[0]), plain(parts[1])));
      }
      List<GoldenCase> cases = new ArrayList<>();
      for (List<String> name : names) {
        cases.add(of(arrays, contract, name.get(0), name.get(1)));
      }
      return cases;
    } catch (IllegalArgumentException | ContractMismatchException e) {
      throw new ContractFileException(
          "%s holds no golden answers of the contract \"%s\": %s"
              .formatted(file, contract.model(), e.getMessage()),
          e);
    }
  }

  private static Map<String, TensorValue> arrays(Path file) {
    Map<String, TensorValue> arrays = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(file.toFile());
        Stream<? extends ZipEntry> entries = zip.stream()) {
      for (ZipEntry entry : (Iterable<ZipEntry>) entries.map(ZipEntry.class::cast)::iterator) {
        try (InputStream stream = zip.getInputStream(entry)) {
          String name = entry.getName();
          arrays.put(
              name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name,
              NpyFile.read(stream.readAllBytes()));
        }
      }
      return arrays;
    } catch (NoSuchFileException | FileNotFoundException e) {
      throw new ContractFileException("no golden answers at %s: No such file".formatted(file), e);
    } catch (IOException | IllegalArgumentException e) {
      throw new ContractFileException(
          "%s is damaged, or no file of golden answers: %s".formatted(file, e.getMessage()), e);
    }
  }

  private static GoldenCase of(
      Map<String, TensorValue> arrays, Contract contract, String key, String name) {
    SignatureSpec signature = contract.signature(key);
    Map<String, TensorValue> inputs = new LinkedHashMap<>();
    signature
        .inputs()
        .forEach(
            (input, spec) -> {
              TensorValue value = tensor(arrays, key(key, name, input), spec);
              if (value != null) {
                inputs.put(input, value);
              } else if (!spec.hasDefault()) {
                throw new IllegalArgumentException(
                    "%s/%s lacks the input \"%s\"".formatted(key, name, input));
              }
            });
    Map<String, TensorValue> outputs = new LinkedHashMap<>();
    signature
        .outputs()
        .forEach(
            (output, spec) -> {
              TensorValue value = tensor(arrays, key(key, name, output), spec);
              if (value == null) {
                throw new IllegalArgumentException(
                    "%s/%s lacks the output \"%s\"".formatted(key, name, output));
              }
              outputs.put(output, value);
            });
    return new GoldenCase(key, name, inputs, outputs);
  }

  /** Returns a tensor in either form of text, or null when there is none. */
  private static TensorValue tensor(Map<String, TensorValue> arrays, String stem, TensorSpec spec) {
    TensorValue whole = arrays.get(stem);
    if (whole == null) {
      return bytesAt(arrays, stem);
    }
    boolean isWidened = spec.dtype().equals("bfloat16") && whole.dtype().equals("float32");
    return isWidened ? TensorValue.of("bfloat16", whole.floats(), whole.shape()) : whole;
  }

  /** Returns text whose elements are stored one by one. */
  private static TensorValue bytesAt(Map<String, TensorValue> arrays, String stem) {
    List<byte[]> items = new ArrayList<>();
    for (TensorValue item = arrays.get(stem + "/0");
        item != null;
        item = arrays.get(stem + "/" + items.size())) {
      items.add(item.bytes());
    }
    TensorValue shape = arrays.get(stem + "/shape");
    if (shape == null && items.isEmpty()) {
      return null;
    }
    long[] sizes = shape == null ? new long[] {items.size()} : shape.longs();
    return TensorValue.of(items.toArray(byte[][]::new), sizes);
  }

  private static String key(String... parts) {
    List<String> written = new ArrayList<>();
    for (String part : parts) {
      written.add(part.replace("%", "%25").replace("/", "%2F"));
    }
    return String.join("/", written);
  }

  private static String plain(String part) {
    return part.replace("%2F", "/").replace("%25", "%");
  }

  /**
   * Compares this request's values with the ranges of their inputs.
   *
   * @param contract the contract
   * @return the differences; empty when every value is inside
   */
  public List<Difference> inputDifferences(Contract contract) {
    List<Difference> differences = new ArrayList<>();
    contract
        .resolved(signature)
        .inputs()
        .forEach(
            (input, spec) -> {
              if (inputs.containsKey(input)) {
                String where = "%s input \"%s\"".formatted(this, input);
                spec.range()
                    .flatMap(range -> range.inputDifference(where, inputs.get(input)))
                    .ifPresent(differences::add);
              }
            });
    return differences;
  }

  /**
   * Compares an answer to this request with the golden one, where there is one, and with what the
   * contract says of it: names, form, values, class names.
   *
   * @param answer tensor by output name
   * @param contract the contract
   * @return the differences, each once; empty when the answer is right
   */
  public List<Difference> differences(Map<String, TensorValue> answer, Contract contract) {
    Set<Difference> differences = new LinkedHashSet<>();
    if (!outputs.isEmpty()) {
      differences.addAll(compare(answer, contract).differences());
    }
    differences.addAll(contract.answerDifferences(toString(), signature, answer, List.of()));
    return List.copyOf(differences);
  }

  /**
   * Compares an answer to this request with the golden one.
   *
   * @param answer tensor by output name
   * @param contract the contract, for its tolerances
   */
  public Comparison compare(Map<String, TensorValue> answer, Contract contract) {
    return Comparison.of(
        outputs, answer, contract.signature(signature), contract.parameters(), toString());
  }

  /** Returns signature and name: {@code serving_default/one}. */
  @Override
  public String toString() {
    return "%s/%s".formatted(signature, name);
  }
}
