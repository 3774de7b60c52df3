package io.thecodeforge.ml.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.grpc.proto.DataType;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.image.ProbeImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class VisionGrpcClientTest {

  private static final byte[] PNG = ProbeImage.png();

  private final FakeServing serving = new FakeServing();
  private Server server;
  private ManagedChannel channel;
  private VisionGrpcClient client;

  @BeforeEach
  void start() throws IOException {
    String name = InProcessServerBuilder.generateName();
    server = InProcessServerBuilder.forName(name).addService(serving.service()).build().start();
    channel =
        InProcessChannelBuilder.forName(name)
            .defaultServiceConfig(VisionGrpcClient.serviceConfig())
            .enableRetry()
            .build();
    client = VisionGrpcClient.builder(channel).build();
  }

  @AfterEach
  void stop() {
    client.close();
    channel.shutdownNow();
    server.shutdownNow();
  }

  /** The contract that a published version with these classes carries. */
  private static Contract published(String... classNames) {
    Contract toolkit = Contract.ofModel("classifier");
    return new Contract(
        toolkit.model(),
        toolkit.signatures(),
        toolkit.dimensions(),
        Map.of("C", (long) classNames.length),
        List.of(classNames));
  }

  private ContractMismatchException mismatch(UnaryOperator<Map<String, TensorProto>> answer) {
    serving.answer = answer;
    return assertThrows(ContractMismatchException.class, () -> client.classify(List.of(PNG, PNG)));
  }

  private static UnaryOperator<Map<String, TensorProto>> with(String name, TensorProto tensor) {
    return outputs -> {
      Map<String, TensorProto> changed = new TreeMap<>(outputs);
      changed.put(name, tensor);
      return changed;
    };
  }

  @Test
  void readsAnswersInColumnOrder() {
    Classification answer = client.classify(PNG);
    assertEquals("blue", answer.label());
    assertEquals(0.66524094f, answer.probability());
    assertEquals(List.of("red", "green", "blue"), List.copyOf(answer.probabilities().keySet()));
    assertEquals(List.of(1f, 2f, 3f), List.copyOf(answer.logits().values()));
  }

  @Test
  void sendsFilesAsTheyAre() {
    assertEquals(2, client.classify(List.of(PNG, PNG)).size());
    PredictRequest request = serving.requests.get(0);
    assertEquals("classifier", request.getModelSpec().getName());
    assertEquals("serving_bytes", request.getModelSpec().getSignatureName());
    TensorProto input = request.getInputsOrThrow("image_bytes");
    assertEquals(DataType.DT_STRING, input.getDtype());
    assertEquals(FakeServing.shape(2), input.getTensorShape());
    assertEquals(ByteString.copyFrom(PNG), input.getStringVal(1));
  }

  @Test
  void sendsPixelsAsTheyAre() {
    byte[] rgb = ProbeImage.pixels();
    assertEquals(1, client.classifyPixels(rgb, 1, 32, 32).size());
    PredictRequest request = serving.requests.get(0);
    assertEquals("serving_default", request.getModelSpec().getSignatureName());
    TensorProto input = request.getInputsOrThrow("input_tensor");
    assertEquals(DataType.DT_UINT8, input.getDtype());
    assertEquals(FakeServing.shape(1, 32, 32, 3), input.getTensorShape());
    assertEquals(ByteString.copyFrom(rgb), input.getTensorContent());
  }

  @Test
  void readsTensorContentLikeValues() {
    Classification fromValues = client.classify(PNG);
    ByteBuffer content = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
    FakeServing.LOGITS.forEach(content::putFloat);
    TensorProto packed =
        FakeServing.floats(1, FakeServing.LOGITS).toBuilder()
            .clearFloatVal()
            .setTensorContent(ByteString.copyFrom(content.flip()))
            .build();
    serving.answer = with("logits", packed);
    assertEquals(fromValues, client.classify(PNG));
  }

  @Test
  void refusesWhatIsNoImageBeforeSendingIt() {
    assertThrows(InvalidImageException.class, () -> client.classify(List.of()));
    assertThrows(InvalidImageException.class, () -> client.classify(new byte[] {1, 2, 3}));
    assertThrows(InvalidImageException.class, () -> client.classifyPixels(PNG, 1, 2, 3));
    assertTrue(serving.requests.isEmpty());
  }

  @Test
  void refusesAnswersThatAreNotTheContracts() {
    assertTrue(
        mismatch(
                outputs -> {
                  Map<String, TensorProto> changed = new TreeMap<>(outputs);
                  changed.remove("logits");
                  return changed;
                })
            .getMessage()
            .contains("serving_bytes output \"logits\": expected it to be there, found nothing"));
    assertTrue(
        mismatch(with("scores", FakeServing.floats(2, FakeServing.LOGITS)))
            .getMessage()
            .contains("output \"scores\": expected only probabilities, classes, logits"));
    assertTrue(
        mismatch(with("probabilities", FakeServing.floats(2, List.of(-.5f, .25f, 1.25f))))
            .getMessage()
            .contains(
                "serving_bytes output \"probabilities\": expected values from 0 to 1, found -0.5"
                    + " at [0, 0] (what exists: 6 values, -0.5 to 1.25) [output-range]"));
    assertTrue(
        mismatch(with("logits", FakeServing.texts(2, FakeServing.CLASS_NAMES)))
            .getMessage()
            .contains("output \"logits\": expected float32 [-1, C], found string [2, 3]"));
    assertTrue(
        mismatch(with("logits", FakeServing.floats(1, FakeServing.LOGITS)))
            .getMessage()
            .contains("output \"logits\": expected float32 [2, 3], found float32 [1, 3]"));
    assertTrue(
        mismatch(with("logits", FakeServing.floats(2, List.of(1f, 2f))))
            .getMessage()
            .contains("output \"logits\": expected float32 [2, 3], found float32 [2, 2]"));
    TensorProto vast =
        FakeServing.texts(2, FakeServing.CLASS_NAMES).toBuilder()
            .setTensorShape(FakeServing.shape(2, 1L << 40))
            .build();
    assertTrue(
        mismatch(with("classes", vast))
            .getMessage()
            .contains(
                "output \"classes\": expected string [2, 3], found string [2, 1099511627776]"));
    assertTrue(
        mismatch(with("classes", FakeServing.texts(2, List.of())))
            .getMessage()
            .contains("output \"classes\": expected string [2, 1], found string [2, 0]"));
    assertTrue(
        mismatch(with("classes", FakeServing.texts(2, List.of("red", "red", "blue"))))
            .getMessage()
            .contains("expected a name of its own for each class, found [red, red, blue]"));
    TensorProto hollow =
        FakeServing.floats(2, FakeServing.LOGITS).toBuilder().clearFloatVal().build();
    assertTrue(
        mismatch(with("logits", hollow)).getMessage().contains("expected 6 values, found 0"));
    TensorProto otherRows =
        FakeServing.texts(2, FakeServing.CLASS_NAMES).toBuilder()
            .setStringVal(4, ByteString.copyFromUtf8("yellow"))
            .build();
    assertTrue(
        mismatch(with("classes", otherRows))
            .getMessage()
            .contains("output \"classes\": expected the same row for each image"));
  }

  @Test
  void holdsAnswersToThePublishedClassOrder() {
    VisionGrpcClient strict =
        VisionGrpcClient.builder(channel).contract(published("red", "green", "blue")).build();
    assertEquals("blue", strict.classify(PNG).label());
    VisionGrpcClient other =
        VisionGrpcClient.builder(channel).contract(published("blue", "green", "red")).build();
    assertEquals(
        "the server's answer breaks its contract:\n"
            + "  - class order: expected ['blue', 'green', 'red'], found ['red', 'green', 'blue']"
            + " [class-order]",
        assertThrows(ContractMismatchException.class, () -> other.classify(PNG)).getMessage());
    VisionGrpcClient fewer =
        VisionGrpcClient.builder(channel).contract(published("red", "green")).build();
    assertThrows(ContractMismatchException.class, () -> fewer.classify(PNG));
  }

  @Test
  void checksWhatTheServerDeclares() {
    client.checkContract();
    serving.signatures.computeIfPresent(
        "serving_default",
        (key, def) ->
            def.toBuilder()
                .putInputs("image", def.getInputsOrThrow("input_tensor"))
                .removeInputs("input_tensor")
                .build());
    serving.signatures.remove("serving_bytes");
    assertEquals(
        ("the model \"classifier\" at %s breaks its contract:\n"
                + "  - signature \"serving_bytes\": expected it to be there, found nothing"
                + " (what exists: serving_default) [signature-missing]\n"
                + "  - serving_default input \"input_tensor\": expected it to be there, found"
                + " nothing (what exists: image) [input-missing]\n"
                + "  - serving_default input \"image\": expected only input_tensor, found one more"
                + " [input-unknown]")
            .formatted(channel.authority()),
        assertThrows(ContractMismatchException.class, client::checkContract).getMessage());
  }

  @Test
  void namesTheModelThatTheServerDoesNotHave() {
    VisionGrpcClient other = VisionGrpcClient.builder(channel).model("other").build();
    ServerException failure = assertThrows(ServerException.class, other::checkContract);
    assertEquals(Status.Code.NOT_FOUND, failure.code());
    assertTrue(failure.getMessage().contains("Servable not found"), failure::getMessage);
  }

  @Test
  void retriesWhenTheServerIsUnavailable() {
    serving.failures.addAll(List.of(Status.UNAVAILABLE, Status.UNAVAILABLE));
    assertEquals("blue", client.classify(PNG).label());
    assertEquals(3, serving.requests.size());
  }

  @Test
  void givesUpAfterTheRetries() {
    Status down = Status.UNAVAILABLE.withDescription("going down");
    serving.failures.addAll(List.of(down, down, down, down, down));
    ServerUnavailableException failure =
        assertThrows(ServerUnavailableException.class, () -> client.classify(PNG));
    assertEquals(Status.Code.UNAVAILABLE, failure.code());
    assertTrue(failure.getMessage().contains("going down [request "), failure::getMessage);
    assertEquals(5, serving.requests.size());
  }

  @Test
  void givesUpAtTheDeadline() {
    serving.answer =
        outputs -> {
          try {
            Thread.sleep(2000);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return outputs;
        };
    VisionGrpcClient hasty =
        VisionGrpcClient.builder(channel).deadline(Duration.ofMillis(100)).build();
    DeadlineExceededException failure =
        assertThrows(DeadlineExceededException.class, () -> hasty.classify(PNG));
    assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.code());
    assertTrue(failure.getMessage().contains("within 100 ms [request "), failure::getMessage);
  }

  @Test
  void doesNotRetryWhatTheServerRefuses() {
    serving.failures.add(
        Status.INVALID_ARGUMENT.withDescription("Invalid JPEG data or crop window"));
    InvalidImageException refusal =
        assertThrows(InvalidImageException.class, () -> client.classify(PNG));
    assertTrue(
        refusal.getMessage().endsWith("Invalid JPEG data or crop window"), refusal::getMessage);
    assertInstanceOf(StatusRuntimeException.class, refusal.getCause());
    serving.failures.add(Status.RESOURCE_EXHAUSTED);
    assertEquals(
        Status.Code.RESOURCE_EXHAUSTED,
        assertThrows(ServerException.class, () -> client.classify(PNG)).code());
    assertEquals(2, serving.requests.size());
  }

  @Test
  void leavesTheCallersChannelOpen() {
    client.close();
    client.close();
    assertFalse(channel.isShutdown());
    assertThrows(IllegalStateException.class, () -> client.classify(PNG));
    assertThrows(IllegalStateException.class, client::checkContract);
  }

  @Test
  void refusesSettingsThatCannotHold() {
    VisionGrpcClient.Builder builder = VisionGrpcClient.builder(channel);
    assertThrows(IllegalArgumentException.class, () -> builder.deadline(Duration.ZERO));
    assertThrows(IllegalStateException.class, () -> builder.credentials(null));
  }
}
