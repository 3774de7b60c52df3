package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.answer.Refusal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.exceptions.TFInvalidArgumentException;
import org.tensorflow.exceptions.TFUnimplementedException;
import org.tensorflow.exceptions.TensorFlowException;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;

/**
 * A SavedModel in memory: the session, the ends of each signature, and the end of its life.
 *
 * <p>Thread-safe. Calls run side by side (a TensorFlow session allows that); {@link #close} waits
 * for those that have begun, because freeing a session under a running call would end the process.
 *
 * <p>{@link org.tensorflow.SessionFunction} is not used: it ignores surplus inputs, never checks
 * that outputs exist, fetches all of them on each call, and cannot fetch one tensor twice.
 */
final class LoadedModel implements AutoCloseable {

  /** Where a signature's tensors are in the graph, by the signature's own names. */
  private record Ends(
      Map<String, Output<?>> inputs,
      Map<String, Output<?>> outputs,
      Map<List<String>, Fetches> fetches) {}

  /** What a run fetches, each tensor once, and where an output's is among them. */
  private record Fetches(List<Output<?>> tensors, Map<String, Integer> places) {}

  private final Path version;
  private final SavedModelBundle bundle;
  private final Map<String, Ends> ends = new HashMap<>();
  private final ReadWriteLock life = new ReentrantReadWriteLock();
  private volatile boolean closed; // written under life's write lock

  /**
   * Loads a version and finds every tensor that its signatures name.
   *
   * @param tags the tags of the graph
   * @param keys the signatures to be run
   * @throws ModelLoadException when TensorFlow refuses it or its native library is missing
   */
  static LoadedModel load(
      Path version, Collection<String> tags, Set<String> keys, ConfigProto config) {
    SavedModelBundle bundle;
    try {
      bundle =
          NativeMemory.guarded(
              () ->
                  SavedModelBundle.loader(version.toString())
                      .withTags(tags.toArray(String[]::new))
                      .withConfigProto(config)
                      .load());
    } catch (TensorFlowException | IllegalArgumentException | UnsupportedOperationException e) {
      throw new ModelLoadException(
          "TensorFlow cannot load %s: %s".formatted(version, Refusal.plain(e.getMessage())), e);
    } catch (LinkageError e) {
      throw NativeLibrary.unusable(e);
    }
    try {
      return new LoadedModel(version, keys, bundle);
    } catch (RuntimeException e) {
      bundle.close();
      throw e;
    }
  }

  private LoadedModel(Path version, Set<String> keys, SavedModelBundle bundle) {
    this.version = version;
    this.bundle = bundle;
    for (String key : keys) {
      SignatureDef def = bundle.metaGraphDef().getSignatureDefOrThrow(key);
      ends.put(
          key,
          new Ends(
              resolve(key, "input", def.getInputsMap()),
              resolve(key, "output", def.getOutputsMap()),
              new ConcurrentHashMap<>()));
      requireDistinct(key, def.getInputsMap());
    }
  }

  /** One tensor cannot be two inputs: a run can feed it one value only. */
  private void requireDistinct(String key, Map<String, TensorInfo> inputs) {
    Map<String, String> nameOf = new HashMap<>();
    new TreeMap<>(inputs)
        .forEach(
            (name, info) -> {
              String other = nameOf.putIfAbsent(info.getName(), name);
              if (other != null) {
                throw new ModelLoadException(
                    "%s: %s inputs \"%s\" and \"%s\" are one and the same tensor \"%s\""
                        .formatted(version, key, other, name, info.getName()));
              }
            });
  }

  private Map<String, Output<?>> resolve(String key, String role, Map<String, TensorInfo> infos) {
    Map<String, Output<?>> found = new HashMap<>();
    new TreeMap<>(infos)
        .forEach(
            (name, info) -> {
              try {
                found.put(name, bundle.graph().outputOrThrow(info.getName()));
              } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw new ModelLoadException(
                    "%s: %s %s \"%s\" points to the tensor \"%s\", which its graph does not have"
                        .formatted(version, key, role, name, info.getName()),
                    e);
              }
            });
    return found;
  }

  /**
   * Runs one signature.
   *
   * @param <T> what is read from the outputs
   * @param key the signature's key
   * @param inputs every input by name; they stay the caller's to close
   * @param outputs the outputs to fetch; only they are computed
   * @param read reads the fetched tensors by name, in that order; they are closed when it returns
   * @throws IllegalStateException after {@link #close}
   * @throws InvalidInputException when the graph refuses the input
   * @throws InferenceException when the graph fails otherwise
   */
  <T> T run(
      String key,
      Map<String, Tensor> inputs,
      Collection<String> outputs,
      Function<Map<String, Tensor>, T> read) {
    life.readLock().lock();
    try {
      requireOpen();
      Ends signature = ends.get(key);
      Session.Runner runner = bundle.session().runner();
      inputs.forEach((name, tensor) -> runner.feed(signature.inputs().get(name), tensor));
      Fetches fetches =
          signature
              .fetches()
              .computeIfAbsent(List.copyOf(outputs), names -> fetches(signature, names));
      fetches.tensors().forEach(runner::fetch);
      try (Result result = NativeMemory.guarded(runner::run)) {
        Map<String, Tensor> answer = new LinkedHashMap<>();
        outputs.forEach(name -> answer.put(name, result.get(fetches.places().get(name))));
        return read.apply(answer);
      }
    } catch (TFInvalidArgumentException e) {
      throw new InvalidInputException(
          "%s refused the input: %s".formatted(key, Refusal.plain(e.getMessage())), e);
    } catch (TensorFlowException | TFUnimplementedException e) {
      throw new InferenceException(
          "%s failed: %s".formatted(key, Refusal.plain(e.getMessage())), e);
    } finally {
      life.readLock().unlock();
    }
  }

  /**
   * Returns for how many sets of outputs runs were prepared: TensorFlow builds an executor for each
   * with its first run, which takes as long as a thousand calls.
   */
  int preparedRuns() {
    return ends.values().stream().mapToInt(one -> one.fetches().size()).sum();
  }

  /**
   * Refuses what comes after {@link #close}.
   *
   * @throws IllegalStateException when it is closed
   */
  void requireOpen() {
    if (closed) {
      throw new IllegalStateException(
          "the service for %s is closed; load the version again".formatted(version));
    }
  }

  /** TensorFlow Java cannot fetch one tensor twice in a run, and two outputs may be one. */
  private static Fetches fetches(Ends signature, Collection<String> outputs) {
    List<Output<?>> tensors = new ArrayList<>();
    Map<String, Integer> places = new HashMap<>();
    for (String name : outputs) {
      Output<?> tensor = signature.outputs().get(name);
      if (!tensors.contains(tensor)) {
        tensors.add(tensor);
      }
      places.put(name, tensors.indexOf(tensor));
    }
    return new Fetches(tensors, places);
  }

  /** Waits for running calls, then frees the session and the graph. Closing again does nothing. */
  @Override
  public void close() {
    life.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        bundle.close();
      }
    } finally {
      life.writeLock().unlock();
    }
  }
}
