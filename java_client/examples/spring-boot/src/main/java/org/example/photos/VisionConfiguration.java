package org.example.photos;

import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.embedded.VisionService;
import io.thecodeforge.ml.grpc.VisionGrpcClient;
import io.thecodeforge.ml.model.VisionModel;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Makes the one model that the whole service shares. */
@Configuration(proxyBeanMethods = false)
class VisionConfiguration {

  /**
   * Returns the model; Spring closes it after the last request.
   *
   * <p>An embedded model is loaded and warm when this returns, and only then does the service open
   * its port. A server is asked first by {@link ModelHealth}.
   */
  @Bean(destroyMethod = "close")
  VisionModel visionModel(VisionProperties vision) {
    return switch (vision.mode()) {
      case EMBEDDED -> VisionService.load(vision.versionPath());
      case GRPC ->
          VisionGrpcClient.builder(vision.target())
              .model(vision.model())
              .contract(Contract.ofVersion(vision.versionPath()))
              .deadline(vision.deadline())
              .build();
    };
  }
}
