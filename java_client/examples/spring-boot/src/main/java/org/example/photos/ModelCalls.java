package org.example.photos;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.function.Supplier;
import org.springframework.stereotype.Component;

/**
 * Measures calls of the model: {@code vision.calls}, by operation and outcome. A timer counts, too;
 * the outcome is {@code success} or the simple name of what was thrown.
 */
@Component
class ModelCalls {

  private final MeterRegistry registry;

  ModelCalls(MeterRegistry registry) {
    this.registry = registry;
  }

  <T> T measured(String operation, Supplier<T> call) {
    Timer.Sample sample = Timer.start(registry);
    String outcome = "success";
    try {
      return call.get();
    } catch (RuntimeException e) {
      outcome = e.getClass().getSimpleName();
      throw e;
    } finally {
      sample.stop(
          Timer.builder("vision.calls")
              .description("Calls of the vision model")
              .tag("operation", operation)
              .tag("outcome", outcome)
              .publishPercentileHistogram()
              .register(registry));
    }
  }
}
