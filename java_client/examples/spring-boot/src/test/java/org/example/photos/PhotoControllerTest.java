package org.example.photos;

import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.post;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.jsonPath;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.status;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ImageInput;
import io.thecodeforge.ml.model.ModelMetadata;
import io.thecodeforge.ml.model.VisionModel;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;

/** The service with a model that one need not load. */
class PhotoControllerTest {

  /** Says of everything that it is a cat, and finds nothing. */
  private static final class CatModel implements VisionModel {
    private static final Classification CAT =
        new Classification(
            "cat", 0.75f, Map.of("cat", 0.75f, "dog", 0.25f), Map.of(), OptionalLong.of(3));

    @Override
    public List<Classification> classifyAll(Collection<? extends ImageInput> images) {
      return Collections.nCopies(images.size(), CAT);
    }

    @Override
    public List<Detections> detectAll(Collection<? extends ImageInput> images) {
      throw new UnsupportedOperationException("this model is no detector");
    }

    @Override
    public Map<String, TensorValue> predict(
        String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
      throw new UnsupportedOperationException();
    }

    @Override
    public ModelMetadata metadata() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Contract contract() {
      return Contract.ofModel("classifier");
    }

    @Override
    public void close() {}
  }

  private final MockMvc service =
      MockMvcBuilders.standaloneSetup(
              new PhotoController(new CatModel(), new ModelCalls(new SimpleMeterRegistry())))
          .build();

  @Test
  void theLikeliestComeFirst() throws Exception {
    service
        .perform(
            post("/classify").contentType("image/png").param("top", "1").content(new byte[] {1}))
        .andExpect(status().isOk())
        .andExpect(jsonPath("$.length()").value(1))
        .andExpect(jsonPath("$[0].label").value("cat"));
  }

  @Test
  void whatTheModelCannotDoIsNotFound() throws Exception {
    service
        .perform(post("/detect").contentType("image/png").content(new byte[] {1}))
        .andExpect(status().isNotFound())
        .andExpect(jsonPath("$.detail").value("this model is no detector"));
  }
}
