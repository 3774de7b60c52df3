package io.thecodeforge.ml.embedded;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.tensorflow.ConcreteFunction;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Signature;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.image.DecodeImage;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SavedModel;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TString;
import org.tensorflow.types.TUint8;

/**
 * A published classifier whose answers one can compute by hand: the logits of an image are the mean
 * of its red, green and blue channel, in [0, 1].
 *
 * <p>It is written by TensorFlow Java itself, message by message, so that a test can publish any
 * broken version that Python's exporter would refuse to.
 */
final class ToyModel {

  static final List<String> CLASS_NAMES = List.of("red", "green", "blue");

  private static final int CLASSES = CLASS_NAMES.size();

  private final MetaGraphDef.Builder metaGraph = MetaGraphDef.newBuilder();
  private String contract = publishedContract(CLASS_NAMES);

  private ToyModel(List<String> classNames) {
    metaGraph.getMetaInfoDefBuilder().addTags("serve");
    try (Graph graph = new Graph()) {
      Ops tf = Ops.create(graph);
      Placeholder<TUint8> pixels =
          tf.withName("pixels")
              .placeholder(TUint8.class, Placeholder.shape(Shape.of(-1, -1, -1, 3)));
      Placeholder<TString> encoded =
          tf.withName("encoded").placeholder(TString.class, Placeholder.shape(Shape.of(-1)));
      metaGraph.putSignatureDef(
          "serving_default",
          signature(
              "input_tensor",
              uint8Images(pixels),
              tf,
              "of_pixels",
              meanOf(tf, pixels),
              classNames));
      metaGraph.putSignatureDef(
          "serving_bytes",
          signature(
              "image_bytes",
              encodedImages(encoded),
              tf,
              "of_bytes",
              decodedMean(tf, encoded),
              classNames));
      metaGraph.setGraphDef(graph.toGraphDef());
    }
  }

  /** Starts with a version that keeps its contract. */
  static ToyModel good() {
    return new ToyModel(CLASS_NAMES);
  }

  /** Starts with a version whose graph answers other class names than its contract says. */
  static ToyModel answering(String... classNames) {
    return new ToyModel(List.of(classNames));
  }

  /** Changes what the SavedModel declares of one signature. */
  ToyModel signature(String key, Consumer<SignatureDef.Builder> change) {
    SignatureDef.Builder signature = metaGraph.getSignatureDefOrThrow(key).toBuilder();
    change.accept(signature);
    metaGraph.putSignatureDef(key, signature.build());
    return this;
  }

  /** Changes anything else of the SavedModel. */
  ToyModel metaGraph(Consumer<MetaGraphDef.Builder> change) {
    change.accept(metaGraph);
    return this;
  }

  /** Changes the text of the contract copy. */
  ToyModel contract(UnaryOperator<String> change) {
    String changed = change.apply(contract);
    if (changed.equals(contract)) {
      throw new IllegalArgumentException("the change leaves the contract as it is");
    }
    contract = changed;
    return this;
  }

  /** Writes the version and returns its directory. */
  Path publish(Path version) {
    try {
      Path assets = Files.createDirectories(version.resolve("assets.extra"));
      Files.writeString(assets.resolve("contract.json"), contract);
      Files.write(
          version.resolve("saved_model.pb"),
          SavedModel.newBuilder()
              .setSavedModelSchemaVersion(1)
              .addMetaGraphs(metaGraph)
              .build()
              .toByteArray());
      return version;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The toolkit's contract with what the exporter adds: the size of C and the class names. */
  static String publishedContract(List<String> classNames) {
    try (var stream =
        ToyModel.class.getResourceAsStream("/io/thecodeforge/ml/contracts/classifier.json")) {
      String json = new String(stream.readAllBytes(), StandardCharsets.UTF_8).stripTrailing();
      return "%s, \"bound\": {\"C\": %d}, \"class_names\": [\"%s\"]}"
          .formatted(
              json.substring(0, json.length() - 1),
              classNames.size(),
              String.join("\", \"", classNames));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** float32 [batch, 3] of uint8 [batch, height, width, 3]. */
  private static Operand<TFloat32> meanOf(Ops tf, Operand<TUint8> images) {
    Operand<TFloat32> scaled =
        tf.math.div(tf.dtypes.cast(images, TFloat32.class), tf.constant(255f));
    return tf.math.mean(scaled, tf.constant(new int[] {1, 2}));
  }

  /** The same of encoded images, each decoded to its own size. */
  private static Operand<TFloat32> decodedMean(Ops tf, Operand<TString> encoded) {
    ConcreteFunction one =
        ConcreteFunction.create(
            body -> {
              Placeholder<TString> image =
                  body.placeholder(TString.class, Placeholder.shape(Shape.scalar()));
              Operand<TUint8> decoded =
                  body.image.decodeImage(
                      image,
                      TUint8.class,
                      DecodeImage.channels(3L),
                      DecodeImage.expandAnimations(false));
              Operand<TFloat32> mean =
                  body.squeeze(meanOf(body, body.expandDims(decoded, body.constant(0))));
              return Signature.builder().input("image", image).output("mean", mean).build();
            });
    return tf.mapDefun(
            List.of(encoded), List.of(), List.of(TFloat32.class), List.of(Shape.of(CLASSES)), one)
        .output()
        .get(0)
        .asOutput()
        .expect(TFloat32.class);
  }

  private static SignatureDef signature(
      String inputName,
      TensorInfo input,
      Ops tf,
      String scope,
      Operand<TFloat32> logits,
      List<String> classNames) {
    Ops named = tf.withSubScope(scope);
    Operand<TFloat32> probabilities = named.nn.softmax(logits);
    Operand<TString> classes =
        named.tile(
            named.expandDims(named.array(classNames.toArray(String[]::new)), named.constant(0)),
            named.concat(
                List.of(named.shape.take(named.shape(logits), named.constant(1)), named.array(1)),
                named.constant(0)));
    return SignatureDef.newBuilder()
        .setMethodName("tensorflow/serving/predict")
        .putInputs(inputName, input)
        .putOutputs("probabilities", info(probabilities, DataType.DT_FLOAT, -1, CLASSES))
        .putOutputs("logits", info(logits, DataType.DT_FLOAT, -1, CLASSES))
        .putOutputs("classes", info(classes, DataType.DT_STRING, -1, CLASSES))
        .build();
  }

  private static TensorInfo uint8Images(Operand<?> operand) {
    return info(operand, DataType.DT_UINT8, -1, -1, -1, 3);
  }

  private static TensorInfo encodedImages(Operand<?> operand) {
    return info(operand, DataType.DT_STRING, -1);
  }

  private static TensorInfo info(Operand<?> operand, DataType type, long... shape) {
    return TensorInfo.newBuilder()
        .setName("%s:%d".formatted(operand.op().name(), operand.asOutput().index()))
        .setDtype(type)
        .setTensorShape(shape(shape))
        .build();
  }

  /** A shape as signatures declare it. */
  static TensorShapeProto shape(long... sizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long size : sizes) {
      shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
    }
    return shape.build();
  }
}
