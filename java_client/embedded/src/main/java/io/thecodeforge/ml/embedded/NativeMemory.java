package io.thecodeforge.ml.embedded;

import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * JavaCPP's limits of native memory, lifted before its first allocation.
 *
 * <p>By default JavaCPP refuses memory once the process holds more than four times {@code -Xmx},
 * TensorFlow's library and the operating system's file pages included: with a small heap, one large
 * batch would end the service for good. What a process may hold is for its container to say.
 */
final class NativeMemory {

  private static final Logger logger = LoggerFactory.getLogger(NativeMemory.class);

  private static final List<String> LIMITS =
      List.of("org.bytedeco.javacpp.maxBytes", "org.bytedeco.javacpp.maxPhysicalBytes");

  private static final boolean LIFTED = lift();

  private NativeMemory() {}

  /** Lifts the limits unless the user has set them; does so once. */
  static void prepare() {
    if (LIFTED && Pointer.maxPhysicalBytes() > 0) {
      logger.warn(
          "JavaCPP was used before this library and keeps its limit of {} bytes for the whole"
              + " process: start Java with -Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
          Pointer.maxPhysicalBytes());
    }
  }

  private static boolean lift() {
    boolean lifted = true;
    for (String limit : LIMITS) {
      boolean isSet =
          System.getProperty(limit) != null
              || System.getProperty(limit.toLowerCase(Locale.ROOT)) != null;
      if (isSet) {
        lifted = lifted && !limit.endsWith("PhysicalBytes");
      } else {
        System.setProperty(limit, "0");
      }
    }
    return lifted;
  }

  /**
   * Makes a call, and says it in a user's words when native memory runs out in it.
   *
   * @throws NativeMemoryException when it does; what the call had is freed, and the next one may
   *     work
   */
  static <T> T guarded(Supplier<T> call) {
    try {
      return call.get();
    } catch (OutOfMemoryError e) {
      throw explained(e);
    }
  }

  private static NativeMemoryException explained(OutOfMemoryError e) {
    String said = String.valueOf(e.getMessage());
    if (!said.contains("hysicalBytes") && !said.contains("totalBytes")) {
      throw e; // the heap: not ours to hide
    }
    return new NativeMemoryException(
        "native memory ran out in this call (%s): ask about fewer images at once, or raise"
                .formatted(said)
            + " -Dorg.bytedeco.javacpp.maxPhysicalBytes and the container's memory",
        e);
  }
}
