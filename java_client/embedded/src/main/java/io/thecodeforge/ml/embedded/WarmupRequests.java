package io.thecodeforge.ml.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.contract.TensorValue;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.tensorflow.proto.TensorProto;

/**
 * The requests with which a server warms a version up: TensorFlow Serving's own file, a TFRecord of
 * {@code PredictionLog}.
 *
 * <p>TensorFlow Java has no messages of TensorFlow Serving; of the three that are read here, four
 * fields are of interest (tensorflow_serving/apis/prediction_log.proto, predict.proto,
 * model.proto).
 */
final class WarmupRequests {

  static final Path FILE = Path.of("assets.extra", "tf_serving_warmup_requests");

  /** One request. */
  record Request(String signature, Map<String, TensorValue> inputs) {}

  private static final int LENGTH_BYTES = 8;
  private static final int SUM_BYTES = 4;
  private static final int PREDICT_LOG = 6;
  private static final int REQUEST = 1;
  private static final int MODEL_SPEC = 1;
  private static final int INPUTS = 2;
  private static final int SIGNATURE_NAME = 3;
  private static final int KEY = 1;
  private static final int VALUE = 2;

  private WarmupRequests() {}

  /**
   * Reads the Predict requests of a version.
   *
   * @return the requests; none where it has no such file
   * @throws ModelLoadException when the file is damaged
   */
  static List<Request> of(Path version) {
    Path file = version.resolve(FILE);
    if (!Files.exists(file)) {
      return List.of();
    }
    try {
      List<Request> requests = new ArrayList<>();
      ByteBuffer records = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      while (records.hasRemaining()) {
        byte[] log = field(CodedInputStream.newInstance(record(records)), PREDICT_LOG);
        if (log.length > 0) {
          requests.add(request(field(CodedInputStream.newInstance(log), REQUEST)));
        }
      }
      return requests;
    } catch (IOException | IllegalArgumentException e) {
      throw new ModelLoadException("%s is damaged: %s".formatted(file, e.getMessage()), e);
    }
  }

  /** Reads one record: length and its checksum, content and its checksum. */
  private static byte[] record(ByteBuffer records) throws IOException {
    if (records.remaining() < LENGTH_BYTES + SUM_BYTES) {
      throw new EOFException("it ends in the middle of a record");
    }
    byte[] head = new byte[LENGTH_BYTES];
    records.get(records.position(), head);
    long length = records.getLong();
    requireSum(head, records.getInt());
    if (length < 0 || length > records.remaining() - SUM_BYTES) {
      throw new EOFException("it ends in the middle of a record");
    }
    byte[] content = new byte[(int) length];
    records.get(content);
    requireSum(content, records.getInt());
    return content;
  }

  private static void requireSum(byte[] bytes, int stated) throws IOException {
    CRC32C sum = new CRC32C();
    sum.update(bytes);
    int plain = (int) sum.getValue();
    int masked = (plain >>> 15 | plain << 17) + 0xa282ead8; // as TFRecord stores it
    if (masked != stated) {
      throw new IOException("a checksum differs");
    }
  }

  /** Returns the last field of a number that holds a message, or nothing. */
  private static byte[] field(CodedInputStream message, int number) throws IOException {
    byte[] found = {};
    for (int tag = message.readTag(); tag != 0; tag = message.readTag()) {
      if (WireFormat.getTagFieldNumber(tag) == number) {
        found = message.readByteArray();
      } else {
        message.skipField(tag);
      }
    }
    return found;
  }

  private static Request request(byte[] predictRequest) throws IOException {
    String signature = "";
    Map<String, TensorValue> inputs = new LinkedHashMap<>();
    CodedInputStream message = CodedInputStream.newInstance(predictRequest);
    for (int tag = message.readTag(); tag != 0; tag = message.readTag()) {
      switch (WireFormat.getTagFieldNumber(tag)) {
        case MODEL_SPEC -> {
          byte[] spec = message.readByteArray();
          signature = new String(field(CodedInputStream.newInstance(spec), SIGNATURE_NAME), UTF_8);
        }
        case INPUTS -> {
          byte[] entry = message.readByteArray();
          byte[] name = field(CodedInputStream.newInstance(entry), KEY);
          byte[] tensor = field(CodedInputStream.newInstance(entry), VALUE);
          inputs.put(
              new String(name, UTF_8),
              SavedModelFile.message(TensorProto.parseFrom(tensor)).tensor());
        }
        default -> message.skipField(tag);
      }
    }
    return new Request(signature.isEmpty() ? ModelService.DEFAULT_SIGNATURE : signature, inputs);
  }
}
