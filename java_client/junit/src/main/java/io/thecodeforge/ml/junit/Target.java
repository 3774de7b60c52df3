package io.thecodeforge.ml.junit;

import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.embedded.ModelService;
import io.thecodeforge.ml.grpc.ModelGrpcClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A model that is held to a contract: a SavedModel in this process, or one on a server. */
interface Target extends AutoCloseable {

  /** Returns what the model declares; it is not run. */
  Map<String, SignatureSpec> declared();

  /** Makes the model ready to be asked. */
  void open();

  /** Answers a request; what comes back is not looked at. */
  Map<String, TensorValue> run(String key, Map<String, TensorValue> inputs);

  @Override
  void close();

  /** A SavedModel's directory. */
  final class Embedded implements Target {
    private final Path path;
    private final List<String> tags;
    private final Contract contract;
    private ModelService service;

    Embedded(Path path, List<String> tags, Contract contract) {
      this.path = path;
      this.tags = tags;
      this.contract = contract;
    }

    @Override
    public Map<String, SignatureSpec> declared() {
      return ModelService.declared(path, tags);
    }

    @Override
    public void open() {
      service =
          ModelService.builder(path)
              .contract(contract)
              .tags(tags.toArray(String[]::new))
              .probe(false)
              .checked(false)
              .load();
    }

    @Override
    public Map<String, TensorValue> run(String key, Map<String, TensorValue> inputs) {
      return service.predict(key, inputs);
    }

    @Override
    public void close() {
      if (service != null) {
        service.close();
      }
    }

    @Override
    public String toString() {
      return path.toString();
    }
  }

  /** A model on a server. */
  final class Served implements Target {
    private static final Pattern ADDRESS =
        Pattern.compile(
            "([\\w.-]+:\\d{1,5}|\\[[\\da-fA-F:]+]:\\d{1,5})(?:/([^/\\s]+)(?:/(\\d+))?)?");

    private final String address;
    private final Contract contract;
    private final ModelGrpcClient client;

    /**
     * Names a server.
     *
     * @throws IllegalArgumentException when the address is none
     */
    Served(String address, Duration deadline, Contract contract) {
      this.address = address;
      this.contract = contract;
      Matcher parts = ADDRESS.matcher(address);
      if (!parts.matches()) {
        throw new IllegalArgumentException(
            "expected HOST:PORT, HOST:PORT/MODEL or HOST:PORT/MODEL/VERSION, received " + address);
      }
      // Without a contract of its own: what it would refuse is what the tests look for.
      ModelGrpcClient.Builder builder =
          ModelGrpcClient.builder(parts.group(1))
              .model(parts.group(2) == null ? contract.model() : parts.group(2))
              .deadline(deadline);
      if (parts.group(3) != null) {
        builder.version(Long.parseLong(parts.group(3)));
      }
      client = builder.build();
    }

    @Override
    public Map<String, SignatureSpec> declared() {
      return client.metadata().signatures();
    }

    @Override
    public void open() {}

    @Override
    public Map<String, TensorValue> run(String key, Map<String, TensorValue> inputs) {
      Map<String, TensorValue> tensors = new LinkedHashMap<>(contract.defaults(key));
      tensors.putAll(inputs);
      return client.predict(key, tensors);
    }

    @Override
    public void close() {
      client.close();
    }

    @Override
    public String toString() {
      return address;
    }
  }
}
