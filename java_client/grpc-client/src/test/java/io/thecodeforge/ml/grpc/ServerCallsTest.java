package io.thecodeforge.ml.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.image.ImageInput;
import io.thecodeforge.ml.image.ProbeImage;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls over a real connection: what they carry, when they are repeated, what failures say. */
class ServerCallsTest {

  private static final byte[] PNG = ProbeImage.png();
  private static final byte[] BAD = Arrays.copyOf(PNG, 40);
  private static final int PATIENCE_S = 60;

  private final FakeServing serving = new FakeServing();
  private final List<Metadata> headers = new CopyOnWriteArrayList<>();
  private final CountDownLatch cancelled = new CountDownLatch(1);
  private Server server;
  private String target;

  @BeforeEach
  void start() throws IOException {
    server = serve(0);
    target = "localhost:" + server.getPort();
  }

  @AfterEach
  void stop() {
    server.shutdownNow();
  }

  private Server serve(int port) throws IOException {
    ServerInterceptor seen =
        new ServerInterceptor() {
          @Override
          public <Q, A> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, A> call, Metadata received, ServerCallHandler<Q, A> next) {
            headers.add(received);
            Context.current().addListener(context -> noteEnd(call), Runnable::run);
            return next.startCall(call, received);
          }
        };
    return Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
        .maxInboundMessageSize(ConnectionSettings.DEFAULT_MAX_BYTES)
        .addService(ServerInterceptors.intercept(serving.service(), seen))
        .build()
        .start();
  }

  private void noteEnd(ServerCall<?, ?> call) {
    if (call.isCancelled()) {
      cancelled.countDown();
    }
  }

  private VisionGrpcClient.Builder client() {
    return VisionGrpcClient.builder(target).deadline(Duration.ofSeconds(PATIENCE_S));
  }

  private static Metadata.Key<String> text(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** Two mebibytes: twice gRPC's own buffer for a call that may be sent again. */
  private static final int SIDE = 836;

  private static List<Classification> classifyLarge(VisionGrpcClient client) {
    return client.classifyPixels(new byte[SIDE * SIDE * 3], 1, SIDE, SIDE);
  }

  @Test
  void sendsLargeMessagesAgainAsWell() {
    serving.failures.addAll(List.of(Status.UNAVAILABLE, Status.UNAVAILABLE));
    try (VisionGrpcClient client = client().build()) {
      assertEquals("blue", classifyLarge(client).get(0).label());
    }
    assertEquals(3, serving.requests.size());
  }

  @Test
  void soDoesTheCallersChannelThatWasConfigured() {
    serving.failures.addAll(List.of(Status.UNAVAILABLE, Status.UNAVAILABLE));
    ManagedChannel channel =
        VisionGrpcClient.configure(
                Grpc.newChannelBuilder(target, InsecureChannelCredentials.create()))
            .build();
    try (VisionGrpcClient client = VisionGrpcClient.builder(channel).build()) {
      assertEquals("blue", classifyLarge(client).get(0).label());
      assertEquals(3, serving.requests.size());
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void repeatsNothingWhenToldSo() {
    serving.failures.add(Status.UNAVAILABLE.withDescription("going down"));
    try (VisionGrpcClient client =
        client().connection(ConnectionSettings.DEFAULT.noRetry()).build()) {
      ServerUnavailableException failure =
          assertThrows(ServerUnavailableException.class, () -> client.classify(PNG));
      assertTrue(
          failure
              .getMessage()
              .startsWith(
                  "the server at %s cannot answer now (UNAVAILABLE): going down [request "
                      .formatted(target)),
          failure::getMessage);
      assertTrue(failure.getMessage().contains(failure.requestId()), failure::getMessage);
    }
    assertEquals(1, serving.requests.size());
  }

  @Test
  void hedges() {
    serving.waitFor = 2; // the first attempt alone is not answered
    HedgingPolicy hedging = HedgingPolicy.after(Duration.ofMillis(20));
    try (VisionGrpcClient client =
        client().connection(ConnectionSettings.DEFAULT.hedging(hedging)).build()) {
      assertEquals("blue", client.classify(PNG).label());
    }
    assertEquals(2, serving.requests.size());
  }

  @Test
  void saysThatNobodyAnswers() throws IOException {
    String nobody;
    try (ServerSocket socket = new ServerSocket(0)) {
      nobody = "localhost:" + socket.getLocalPort();
    }
    try (VisionGrpcClient client = VisionGrpcClient.builder(nobody).build()) {
      ServerUnavailableException failure =
          assertThrows(ServerUnavailableException.class, () -> client.classify(PNG));
      assertTrue(
          failure.getMessage().startsWith("no server answers at %s: ".formatted(nobody)),
          failure::getMessage);
      assertTrue(failure.getMessage().contains("Connection refused"), failure::getMessage);
    }
  }

  @Test
  void saysThatTheConnectionBroke() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      Thread breaker =
          new Thread(
              () -> {
                try (Socket one = socket.accept()) {
                  one.getInputStream().read();
                } catch (IOException e) {
                  // The test's end closes the socket.
                }
              });
      breaker.start();
      String broken = "localhost:" + socket.getLocalPort();
      try (VisionGrpcClient client =
          VisionGrpcClient.builder(broken)
              .connection(ConnectionSettings.DEFAULT.noRetry())
              .build()) {
        ServerUnavailableException failure =
            assertThrows(ServerUnavailableException.class, () -> client.classify(PNG));
        assertTrue(
            failure.getMessage().startsWith("no server answers at ")
                || failure.getMessage().startsWith("the connection to "),
            failure::getMessage);
      }
    }
  }

  @Test
  void anInterruptedThreadIsNoAnswerOfTheServers() throws InterruptedException {
    serving.waitFor = 2;
    try (VisionGrpcClient client = client().build()) {
      Thread caller = Thread.currentThread();
      new Thread(
              () -> {
                while (serving.requests.isEmpty()) {
                  Thread.onSpinWait();
                }
                caller.interrupt();
              })
          .start();
      VisionException failure =
          assertThrows(CallInterruptedException.class, () -> client.classify(PNG));
      assertTrue(Thread.interrupted(), "the thread stays interrupted");
      assertTrue(
          failure.getMessage().startsWith("the thread was interrupted while it waited for "),
          failure::getMessage);
      assertTrue(cancelled.await(PATIENCE_S, TimeUnit.SECONDS), "the call was cancelled");
      Thread.currentThread().interrupt();
      assertThrows(
          CallInterruptedException.class,
          () -> client.with(CallSettings.DEFAULT.batchSize(1)).classify(List.of(PNG, PNG)));
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void aSignatureThatTheServerDoesNotHaveIsNoBadImage() {
    serving.refusal =
        request ->
            Status.INVALID_ARGUMENT.withDescription(
                "input size does not match signature: 1!=2 len({image_bytes}) != len({image_bytes,"
                    + "size}). Sent extra: {}. Missing but required: {size}.");
    try (VisionGrpcClient client = client().build()) {
      ContractMismatchException broken =
          assertThrows(ContractMismatchException.class, () -> client.classify(PNG));
      assertEquals("request-refused", broken.differences().get(0).rule());
      assertTrue(broken.getMessage().contains("Missing but required: {size}"));
      serving.refusal =
          request ->
              Status.FAILED_PRECONDITION.withDescription(
                  "Serving signature key \"serving_bytes\" not found.");
      assertThrows(ContractMismatchException.class, () -> client.classify(PNG));
      serving.refusal = request -> Status.INVALID_ARGUMENT.withDescription("Input is empty.");
      InvalidInputException other =
          assertThrows(InvalidInputException.class, () -> client.classify(PNG));
      assertFalse(other instanceof InvalidImageException);
    }
  }

  private static Status refuseBad(PredictRequest request) {
    boolean hasBad =
        request.getInputsOrThrow("image_bytes").getStringValList().stream()
            .anyMatch(file -> file.size() == BAD.length);
    return hasBad
        ? Status.INVALID_ARGUMENT.withDescription(
            "{{function_node __inference_serving_bytes_9}} {{node map/while/DecodeImage}} Invalid"
                + " PNG data, size 40\n\t [[{{node map/while/DecodeImage}}]]")
        : null;
  }

  @Test
  void namesTheBadFileOfABatch() {
    serving.refusal = ServerCallsTest::refuseBad;
    List<byte[]> images = new ArrayList<>();
    for (int i = 0; i < 11; i++) {
      images.add(i == 6 || i == 9 ? BAD : PNG);
    }
    try (VisionGrpcClient client = client().build()) {
      InvalidImageException refusal =
          assertThrows(InvalidImageException.class, () -> client.classify(images));
      assertEquals(OptionalInt.of(6), refusal.position());
      assertEquals(
          "image 6 of 11: the server at %s refused the input: Invalid PNG data, size 40"
              .formatted(target),
          refusal.getMessage());
      assertTrue(serving.requests.size() <= 6, "the whole batch, and its halves");
      VisionGrpcClient splitting = client.with(CallSettings.DEFAULT.batchSize(3));
      int first =
          assertThrows(InvalidImageException.class, () -> splitting.classify(images))
              .position()
              .getAsInt();
      assertTrue(first == 6 || first == 9, "the first that came back, of two calls: " + first);
      ExecutionException failure =
          assertThrows(
              ExecutionException.class,
              () -> client.classifyAllAsync(ImageInput.ofAll(images)).get());
      assertEquals(
          OptionalInt.of(6),
          assertInstanceOf(InvalidImageException.class, failure.getCause()).position());
    }
  }

  @Test
  void callsWaitForTheirAnswersWithoutAThreadEach() throws Exception {
    int calls = 300;
    serving.waitFor = calls; // none is answered before all are under way
    try (VisionGrpcClient client = client().build()) {
      List<CompletableFuture<Classification>> answers = new ArrayList<>();
      for (int i = 0; i < calls; i++) {
        answers.add(client.classifyAsync(ImageInput.of(PNG)));
      }
      int threads = Thread.activeCount();
      for (CompletableFuture<Classification> answer : answers) {
        assertEquals("blue", answer.get(PATIENCE_S, TimeUnit.SECONDS).label());
      }
      assertTrue(threads < calls / 3, threads + " threads");
    }
  }

  @Test
  void cancellingAFutureCancelsTheCall() throws InterruptedException {
    serving.waitFor = 2;
    try (VisionGrpcClient client = client().build()) {
      CompletableFuture<Classification> answer = client.classifyAsync(ImageInput.of(PNG));
      while (serving.requests.isEmpty()) {
        Thread.onSpinWait();
      }
      assertTrue(answer.cancel(true));
      assertTrue(cancelled.await(PATIENCE_S, TimeUnit.SECONDS));
    }
  }

  @Test
  void splitsBatchesAndSendsThemSideBySide() {
    serving.waitFor = 4; // none is answered before all four are under way
    try (VisionGrpcClient client = client().calls(CallSettings.DEFAULT.batchSize(2)).build()) {
      assertEquals(7, client.classify(List.of(PNG, PNG, PNG, PNG, PNG, PNG, PNG)).size());
    }
    assertEquals(
        List.of(1, 2, 2, 2),
        serving.requests.stream()
            .map(one -> one.getInputsOrThrow("image_bytes").getStringValCount())
            .sorted()
            .toList());
  }

  @Test
  void aCallHasSettingsOfItsOwn() {
    Metadata binary = new Metadata();
    binary.put(Metadata.Key.of("trace-bin", Metadata.BINARY_BYTE_MARSHALLER), new byte[] {0, -1});
    try (VisionGrpcClient client = client().version(4).headers(binary).build()) {
      VisionGrpcClient other =
          client.with(
              CallSettings.DEFAULT
                  .label("canary")
                  .requestId("order-7")
                  .header("authorization", "Bearer me"));
      other.classify(PNG);
      other.close(); // a view of the client, whose connection stays
      client.classify(PNG);
      assertEquals("canary", serving.requests.get(0).getModelSpec().getVersionLabel());
      assertEquals(4, serving.requests.get(1).getModelSpec().getVersion().getValue());
      assertEquals("order-7", headers.get(0).get(text("x-request-id")));
      assertEquals("Bearer me", headers.get(0).get(text("authorization")));
      assertEquals(
          -1, headers.get(0).get(Metadata.Key.of("trace-bin", Metadata.BINARY_BYTE_MARSHALLER))[1]);
      assertEquals(32, headers.get(1).get(text("x-request-id")).length());
      assertFalse(headers.get(1).containsKey(text("authorization")));
    }
  }

  @Test
  void answersKnowTheirVersion() {
    try (VisionGrpcClient client = client().build()) {
      assertEquals(OptionalLong.of(3), client.classify(PNG).version());
      serving.version = 0;
      assertEquals(OptionalLong.empty(), client.classify(PNG).version());
    }
  }

  @Test
  void waitsForAServerThatStartsLater() throws Exception {
    int port = server.getPort();
    server.shutdownNow().awaitTermination();
    try (VisionGrpcClient client =
        client().connection(ConnectionSettings.DEFAULT.noRetry()).build()) {
      VisionGrpcClient patient = client.with(CallSettings.DEFAULT.waitForReady());
      CompletableFuture<Classification> answer = patient.classifyAsync(ImageInput.of(PNG));
      assertThrows(ServerUnavailableException.class, () -> client.classify(PNG));
      assertFalse(answer.isDone());
      server = serve(port);
      assertEquals("blue", answer.get(PATIENCE_S, TimeUnit.SECONDS).label());
    }
  }

  @Test
  void compresses() {
    try (VisionGrpcClient client =
        client().connection(ConnectionSettings.DEFAULT.gzip(true)).build()) {
      classifyLarge(client);
    }
    assertEquals("gzip", headers.get(0).get(text("grpc-encoding")));
  }

  @Test
  void limitsMessages() {
    try (VisionGrpcClient client =
        client().connection(ConnectionSettings.DEFAULT.maxBytes(2000, 4)).build()) {
      ServerException large = assertThrows(ServerException.class, () -> classifyLarge(client));
      assertEquals(Status.Code.RESOURCE_EXHAUSTED, large.code());
      assertTrue(large.getMessage().contains(" was not sent: the request has 20"));
      assertTrue(serving.requests.isEmpty());
      ExecutionException same =
          assertThrows(
              ExecutionException.class,
              () -> client.classifyAsync(ImageInput.pixels(new byte[3000], 10, 100)).get());
      assertInstanceOf(ServerException.class, same.getCause());
      assertEquals(
          Status.Code.RESOURCE_EXHAUSTED,
          assertThrows(ServerException.class, () -> client.classify(PNG)).code());
    }
  }

  @Test
  void refusesAbsurdSettingsInASentence() {
    for (Duration absurd :
        List.of(
            Duration.ZERO,
            Duration.ofSeconds(-1),
            Duration.ofDays(366),
            Duration.ofSeconds(Long.MAX_VALUE))) {
      assertEquals(
          "expected a deadline above zero and at most 365 days, received " + absurd,
          assertThrows(IllegalArgumentException.class, () -> client().deadline(absurd))
              .getMessage());
    }
    assertThrows(IllegalArgumentException.class, () -> CallSettings.DEFAULT.batchSize(0));
    assertEquals(
        "expected a deadline, received null",
        assertThrows(NullPointerException.class, () -> client().deadline(null)).getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new RetryPolicy(
                6, Duration.ofMillis(1), Duration.ofMillis(1), 1, Set.of(Status.Code.UNAVAILABLE)));
    assertThrows(IllegalArgumentException.class, () -> HedgingPolicy.after(Duration.ofMillis(-1)));
    assertThrows(
        IllegalArgumentException.class,
        () -> new KeepAlive(Duration.ZERO, Duration.ofSeconds(1), false));
    try (VisionGrpcClient client = client().deadline(Duration.ofNanos(1)).build()) {
      DeadlineExceededException failure =
          assertThrows(DeadlineExceededException.class, () -> client.classify(PNG));
      assertTrue(failure.getMessage().contains(" within 1 ns"), failure::getMessage);
    }
    assertEquals(
        "expected tensors by input name, received null",
        assertThrows(
                NullPointerException.class,
                () ->
                    ModelGrpcClient.builder(target)
                        .model("m")
                        .build()
                        .predict((Map<String, TensorValue>) null))
            .getMessage());
  }
}
