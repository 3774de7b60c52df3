package io.thecodeforge.ml.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.thecodeforge.ml.image.ProbeImage;
import java.io.IOException;
import java.net.ServerSocket;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A client that opens its own channel, over real sockets. */
class OwnChannelTest {

  private static Server serve(FakeServing serving) throws IOException {
    return Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
        .addService(serving.service())
        .build()
        .start();
  }

  @Test
  void asksAndRetries() throws IOException {
    FakeServing serving = new FakeServing();
    Server server = serve(serving);
    try (VisionGrpcClient client =
        VisionGrpcClient.builder("localhost:" + server.getPort()).build()) {
      client.checkContract();
      serving.failures.addAll(List.of(Status.UNAVAILABLE, Status.UNAVAILABLE));
      assertEquals("blue", client.classify(ProbeImage.png()).label());
      assertEquals(3, serving.requests.size());
    } finally {
      server.shutdownNow();
    }
  }

  @Test
  void saysWhereNobodyAnswers() throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    String target = "localhost:" + port;
    try (VisionGrpcClient client = VisionGrpcClient.builder(target).build()) {
      ServerUnavailableException failure =
          assertThrows(ServerUnavailableException.class, client::checkContract);
      assertTrue(
          failure.getMessage().startsWith("no server answers at " + target), failure::getMessage);
    }
  }

  @Test
  void endsItsChannelWithItself() throws IOException {
    Server server = serve(new FakeServing());
    try {
      VisionGrpcClient client = VisionGrpcClient.builder("localhost:" + server.getPort()).build();
      client.checkContract();
      client.close();
      client.close();
      IllegalStateException refusal =
          assertThrows(IllegalStateException.class, () -> client.classify(ProbeImage.png()));
      assertTrue(refusal.getMessage().endsWith(" is closed"), refusal::getMessage);
    } finally {
      server.shutdownNow();
    }
  }
}
