package io.thecodeforge.ml.junit;

import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.GoldenCase;
import io.thecodeforge.ml.contract.StaticRules;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ProbeImage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.function.Executable;

/**
 * Holds a model to its signature contract in a JUnit 5 test suite: one test for each rule of what
 * it declares, and one for each golden answer, so that a failure names what broke.
 *
 * <pre>{@code
 * @TestFactory
 * Stream<DynamicTest> contract() {
 *   return SignatureContract.of(Path.of("contract.json"))
 *       .golden(Path.of("golden.npz"))
 *       .model(Path.of("exported"))
 *       .tests();
 * }
 * }</pre>
 *
 * <p>The tests have the names of the items of {@code vision-contract check}: {@code rule
 * input-dtype}, {@code golden serving_default/one}, {@code made up predict} for a signature without
 * golden answers. A message ends in the identifier of the rule that is broken. What cannot be read
 * is a failing test, too.
 *
 * <p>Where the model declares something else than the contract, it is not run, and the tests of its
 * answers are skipped. Immutable: each method returns a new one.
 */
public final class SignatureContract {

  private static final Duration DEADLINE = Duration.ofSeconds(60);

  private final Supplier<Contract> contract;
  private final Path golden; // null for none
  private final Path model; // null where a server is asked
  private final String server; // null where a SavedModel is run
  private final List<String> tags; // null for the contract's
  private final Duration deadline;

  private SignatureContract(
      Supplier<Contract> contract,
      Path golden,
      Path model,
      String server,
      List<String> tags,
      Duration deadline) {
    this.contract = contract;
    this.golden = golden;
    this.model = model;
    this.server = server;
    this.tags = tags;
    this.deadline = deadline;
  }

  /**
   * Starts with a contract file, which {@link #tests} reads.
   *
   * @param contract the file, or a published version's directory
   */
  public static SignatureContract of(Path contract) {
    Objects.requireNonNull(contract, "contract");
    return new SignatureContract(() -> Contract.load(contract), null, null, null, null, DEADLINE);
  }

  /**
   * Starts with a contract.
   *
   * @param contract the contract
   */
  public static SignatureContract of(Contract contract) {
    Objects.requireNonNull(contract, "contract");
    return new SignatureContract(() -> contract, null, null, null, null, DEADLINE);
  }

  /**
   * Starts with a published version: its contract, its golden answers and its model.
   *
   * @param version the version's directory, {@code MODELS/<model>/<version>}
   */
  public static SignatureContract ofVersion(Path version) {
    return of(version).golden(version).model(version);
  }

  /**
   * Adds golden requests and answers.
   *
   * @param golden the {@code .npz} file, or a published version's directory
   */
  public SignatureContract golden(Path golden) {
    return new SignatureContract(contract, golden, model, server, tags, deadline);
  }

  /**
   * Names the SavedModel to hold to the contract; it runs in this process.
   *
   * @param savedModel its directory
   */
  public SignatureContract model(Path savedModel) {
    return new SignatureContract(contract, golden, savedModel, null, tags, deadline);
  }

  /**
   * Names the server to hold to the contract, which speaks TensorFlow Serving's gRPC API.
   *
   * @param address {@code HOST:PORT}, {@code HOST:PORT/MODEL} or {@code HOST:PORT/MODEL/VERSION};
   *     the model is the contract's unless it is named
   */
  public SignatureContract server(String address) {
    return new SignatureContract(contract, golden, null, address, tags, deadline);
  }

  /**
   * Names the tags of the SavedModel's graph, by default the contract's.
   *
   * @param tags the whole set of the graph's tags
   */
  public SignatureContract tags(String... tags) {
    return new SignatureContract(contract, golden, model, server, List.of(tags), deadline);
  }

  /**
   * Sets the time that each call to a server has, by default a minute.
   *
   * @param deadline a positive time
   */
  public SignatureContract deadline(Duration deadline) {
    return new SignatureContract(contract, golden, model, server, tags, deadline);
  }

  /**
   * Reads the contract and what the model declares, and returns the tests. A model is loaded by the
   * first test that asks it; JUnit closes the stream, and with it the model.
   *
   * @throws IllegalStateException when neither a model nor a server is named
   */
  public Stream<DynamicTest> tests() {
    if (model == null && server == null) {
      throw new IllegalStateException(
          "which model? Name it: SignatureContract.of(…).model(path), or .server(\"HOST:PORT\")");
    }
    Contract wanted;
    List<GoldenCase> cases;
    try {
      wanted = contract.get();
      cases = golden == null ? List.of() : GoldenCase.load(golden, wanted);
    } catch (VisionException e) {
      return Stream.of(broken("contract", e));
    }
    Target target = target(wanted);
    List<Difference> differences;
    try {
      differences = wanted.differences(target.declared());
    } catch (VisionException e) {
      target.close();
      Difference unreadable =
          new Difference("unreadable", target.toString(), "a model", e.getMessage());
      return Stream.of(test("read", () -> refuse(List.of(unreadable))));
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (String rule : StaticRules.IDS) {
      List<Difference> broken =
          differences.stream().filter(one -> one.rule().equals(rule)).toList();
      tests.add(test("rule " + rule, () -> refuse(broken)));
    }
    tests.addAll(answerTests(wanted, cases, target, differences.isEmpty()));
    return tests.stream().onClose(target::close);
  }

  private Target target(Contract wanted) {
    return model == null
        ? new Target.Served(server, deadline, wanted)
        : new Target.Embedded(model, tags == null ? wanted.tags() : tags, wanted);
  }

  private static List<DynamicTest> answerTests(
      Contract contract, List<GoldenCase> cases, Target target, boolean isDeclaredSo) {
    Asking asking = new Asking(contract, target, isDeclaredSo);
    List<DynamicTest> tests = new ArrayList<>();
    Set<String> asked = new HashSet<>();
    for (GoldenCase one : cases) {
      asked.add(one.signature());
      tests.add(test("golden " + one, () -> asking.judge(one)));
    }
    for (String key : contract.signatures().keySet()) {
      if (!asked.contains(key)) {
        tests.add(
            test(
                "made up " + key,
                () -> asking.judge(GoldenCase.madeUp(contract, key, ProbeImage.png()))));
      }
    }
    if (cases.isEmpty()) {
      Difference none =
          new Difference(
              "no-golden-answers",
              "golden answers",
              "some to compare with",
              "there are no golden answers");
      tests.add(test("golden answers", () -> Assumptions.abort(none.toString())));
    }
    return tests;
  }

  private static DynamicTest broken(String name, VisionException problem) {
    return test(
        name,
        () -> {
          throw problem;
        });
  }

  private static DynamicTest test(String name, Executable executable) {
    return DynamicTest.dynamicTest(name, executable);
  }

  private static void refuse(List<Difference> differences) {
    if (!differences.isEmpty()) {
      Assertions.fail(
          differences.stream().map(Difference::toString).collect(Collectors.joining("\n")));
    }
  }

  /** The requests to one model, which is opened for the first of them. */
  private static final class Asking {
    private final Contract contract;
    private final Target target;
    private final boolean isDeclaredSo;
    private boolean open; // guarded by this
    private VisionException problem; // guarded by this

    Asking(Contract contract, Target target, boolean isDeclaredSo) {
      this.contract = contract;
      this.target = target;
      this.isDeclaredSo = isDeclaredSo;
    }

    void judge(GoldenCase one) {
      if (!isDeclaredSo) {
        Assumptions.abort("not run: the model declares something else than the contract");
      }
      List<Difference> differences = new ArrayList<>(one.inputDifferences(contract));
      try {
        open();
      } catch (VisionException e) {
        refuse(List.of(new Difference("load", one.toString(), "a model that loads", said(e))));
      }
      try {
        Map<String, TensorValue> answer = target.run(one.signature(), one.inputs());
        differences.addAll(one.differences(answer, contract));
      } catch (VisionException e) {
        differences.add(new Difference("request-refused", one.toString(), "an answer", said(e)));
      }
      refuse(differences);
    }

    private synchronized void open() {
      if (problem != null) {
        throw problem;
      }
      if (!open) {
        try {
          target.open();
          open = true;
        } catch (VisionException e) {
          problem = e;
          throw e;
        }
      }
    }

    private static String said(VisionException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
