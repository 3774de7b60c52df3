package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.VisionException;
import java.time.Duration;
import java.util.Objects;
import org.tensorflow.proto.ConfigProto;

/**
 * How a model's directory is watched.
 *
 * @param interval time between two looks at the directory, above zero
 * @param config TensorFlow's session settings, as for {@link VisionService#load(java.nio.file.Path,
 *     ConfigProto)}
 * @param listener told of what happens, in the thread that watches
 */
public record WatchSettings(Duration interval, ConfigProto config, Listener listener) {

  /** A look each second, as TensorFlow Serving takes it; nobody is told, the log aside. */
  public static final WatchSettings DEFAULT =
      new WatchSettings(Duration.ofSeconds(1), ConfigProto.getDefaultInstance(), new Listener() {});

  /** Is told of what happens to a watched model; what it throws is logged. */
  public interface Listener {
    /**
     * A version answers all calls from now on.
     *
     * @param version its number
     */
    default void loaded(long version) {}

    /**
     * A version was refused; the one before goes on answering.
     *
     * @param version its number
     * @param why what is wrong with it
     */
    default void refused(long version, VisionException why) {}
  }

  /** Refuses what cannot be. */
  public WatchSettings {
    Objects.requireNonNull(config, "expected session settings, received null");
    Objects.requireNonNull(listener, "expected a listener, received null");
    if (interval.isNegative() || interval.isZero()) {
      throw new IllegalArgumentException("expected an interval above zero, received " + interval);
    }
  }

  /**
   * Returns these settings with another time between two looks.
   *
   * @param time above zero
   */
  public WatchSettings interval(Duration time) {
    return new WatchSettings(time, config, listener);
  }

  /**
   * Returns these settings with other session settings.
   *
   * @param settings TensorFlow's
   */
  public WatchSettings config(ConfigProto settings) {
    return new WatchSettings(interval, settings, listener);
  }

  /**
   * Returns these settings with somebody to tell.
   *
   * @param told is told
   */
  public WatchSettings listener(Listener told) {
    return new WatchSettings(interval, config, told);
  }
}
