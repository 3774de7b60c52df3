package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ImageInput;
import io.thecodeforge.ml.model.ModelMetadata;
import io.thecodeforge.ml.model.VisionModel;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The newest version of a model that is whole, in this process: made by {@link
 * VisionService#watch}.
 *
 * <p>A version that appears in the model's directory takes over when it is loaded, warm and has
 * given its golden answers. One that fails is refused: that is logged, told to the listener and
 * shown by {@link #status}, and the version before goes on answering; it is tried again when its
 * files change. A call is answered by one version from its beginning to its end. The old version's
 * native memory is freed when its last call is out; until then both are in memory.
 *
 * <p>Thread-safe. Close it: it owns native memory and a thread.
 */
public final class WatchedVisionService implements VisionModel {

  private static final Logger logger = LoggerFactory.getLogger(WatchedVisionService.class);

  /**
   * What is going on.
   *
   * @param version the version that answers
   * @param refused by version, newer than that one, why it was refused
   */
  public record Status(long version, Map<Long, String> refused) {

    /** Copies the map. */
    public Status {
      refused = Map.copyOf(refused);
    }
  }

  /** A version that was refused, as its files were then. */
  private record Refused(VersionDirectories.State files, VisionException why) {}

  private final Path model;
  private final WatchSettings settings;
  private final Map<Long, Refused> refused = new TreeMap<>(); // guarded by this
  private final ScheduledExecutorService watcher;
  private volatile LeasedService current; // null after close

  private WatchedVisionService(Path model, WatchSettings settings) {
    this.model = model;
    this.settings = settings;
    this.watcher =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "watch " + model);
              thread.setDaemon(true);
              return thread;
            });
  }

  static WatchedVisionService start(Path model, WatchSettings settings) {
    ModelService.requireOwnFiles(model);
    WatchedVisionService service = new WatchedVisionService(model, settings);
    service.refresh();
    if (service.current == null) {
      service.watcher.shutdown();
      throw service.noVersion();
    }
    long nanos = settings.interval().toNanos();
    service.watcher.scheduleWithFixedDelay(
        service::refreshQuietly, nanos, nanos, TimeUnit.NANOSECONDS);
    return service;
  }

  private synchronized VisionException noVersion() {
    return refused.values().stream()
        .reduce((first, second) -> second) // the newest
        .map(Refused::why)
        .orElseGet(
            () ->
                new ModelLoadException(
                    "%s has no version: expected directories with a number for a name, such as %s"
                        .formatted(model, model.resolve("1"))));
  }

  private void refreshQuietly() {
    try {
      refresh();
    } catch (RuntimeException | Error e) {
      // A thrown exception would end the watching.
      logger.error("{} cannot be looked at: {}", model, e.getMessage(), e);
    }
  }

  /**
   * Looks at the model's directory now, rather than when its time has come, and moves to a newer
   * version when there is one that is whole.
   *
   * @return what is going on then
   */
  public synchronized Status refresh() {
    for (Map.Entry<Long, Path> entry : VersionDirectories.newestFirst(model).entrySet()) {
      long version = entry.getKey();
      if (current != null && version <= current.version()) {
        break;
      }
      if (moved(version, entry.getValue())) {
        break;
      }
    }
    if (current == null) {
      return new Status(-1, Map.of());
    }
    refused.keySet().removeIf(version -> version < current.version());
    return status();
  }

  /** Tries to move to a version; one that was refused is tried again when its files are others. */
  private boolean moved(long version, Path directory) {
    VersionDirectories.State files = VersionDirectories.state(directory);
    Refused before = refused.get(version);
    if (watcher.isShutdown() || before != null && before.files().equals(files)) {
      return false;
    }
    VisionService loaded;
    try {
      loaded = VisionService.load(directory, settings.config());
    } catch (VisionException e) {
      refused.put(version, new Refused(files, e));
      logger.warn("{} is refused: {}", directory, e.getMessage());
      tell(listener -> listener.refused(version, e));
      return false;
    }
    refused.remove(version);
    LeasedService old = current;
    current = new LeasedService(version, loaded);
    if (old != null) {
      logger.info("{} answers from now on, instead of version {}", directory, old.version());
      old.retire();
    }
    tell(listener -> listener.loaded(version));
    return true;
  }

  private void tell(Consumer<WatchSettings.Listener> news) {
    try {
      news.accept(settings.listener());
    } catch (RuntimeException e) {
      logger.warn("the listener of {} failed: {}", model, e.getMessage(), e);
    }
  }

  /**
   * Returns what is going on.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public synchronized Status status() {
    LeasedService now = open();
    Map<Long, String> reasons = new TreeMap<>();
    refused.forEach((version, one) -> reasons.put(version, one.why().getMessage()));
    return new Status(now.version(), reasons);
  }

  private LeasedService open() {
    LeasedService now = current;
    if (now == null) {
      throw new IllegalStateException(
          "the service for %s is closed; watch the model again".formatted(model));
    }
    return now;
  }

  /** Makes a call to the version that answers now, which stays in memory until it returns. */
  private <T> T ask(Function<VisionService, T> call) {
    while (true) {
      LeasedService service = open();
      if (service.lease()) {
        try {
          return call.apply(service.get());
        } finally {
          service.giveBack();
        }
      } // else it retired since: there is another
    }
  }

  @Override
  public List<Classification> classifyAll(Collection<? extends ImageInput> images) {
    return ask(service -> service.classifyAll(images));
  }

  @Override
  public List<Detections> detectAll(Collection<? extends ImageInput> images) {
    return ask(service -> service.detectAll(images));
  }

  @Override
  public Map<String, TensorValue> predict(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    return ask(service -> service.predict(signature, inputs, outputs));
  }

  @Override
  public ModelMetadata metadata() {
    return ask(VisionService::metadata);
  }

  @Override
  public Contract contract() {
    return ask(VisionService::contract);
  }

  /** Stops watching, waits for a version that is being loaded, and frees the model. */
  @Override
  public void close() {
    watcher.shutdown();
    synchronized (this) {
      LeasedService last = current;
      current = null;
      if (last != null) {
        last.retire();
      }
    }
  }
}
