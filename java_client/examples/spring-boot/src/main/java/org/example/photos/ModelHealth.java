package org.example.photos;

import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.model.ModelMetadata;
import io.thecodeforge.ml.model.VisionModel;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.stereotype.Component;

/** Up while the model can answer: loaded here, or AVAILABLE on its server. */
@Component("model")
class ModelHealth implements HealthIndicator {

  private final VisionModel model;

  ModelHealth(VisionModel model) {
    this.model = model;
  }

  @Override
  public Health health() {
    try {
      ModelMetadata metadata = model.metadata();
      Health.Builder up = Health.up().withDetail("model", metadata.model());
      metadata.version().ifPresent(version -> up.withDetail("version", version));
      return up.build();
    } catch (VisionException e) {
      return Health.outOfService().withDetail("reason", e.getMessage()).build();
    }
  }
}
