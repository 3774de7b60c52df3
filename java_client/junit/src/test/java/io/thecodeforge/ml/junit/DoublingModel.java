package io.thecodeforge.ml.junit;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.tensorflow.Graph;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Session;
import org.tensorflow.SessionFunction;
import org.tensorflow.Signature;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.math.Add;
import org.tensorflow.types.TFloat32;

/** A SavedModel that answers y = 2 x, its contract, and one golden answer, in a folder. */
record DoublingModel(Path folder) {

  private static final String CONTRACT =
      """
      {"model": "doubling", "contract_version": "2.1", "signatures": {"serving_default": {
       "inputs": {"x": {"dtype": "float32", "shape": [-1], "range": [0, 10]}},
       "outputs": {"y": {"dtype": "float32", "shape": [-1], "range": [0, 20]}}}}}
      """;

  /** Writes the model, its contract, and the answers 2 and 4 to 1 and 2. */
  static DoublingModel write(Path folder) {
    try (Graph graph = new Graph();
        Session session = new Session(graph)) {
      Ops tf = Ops.create(graph);
      Placeholder<TFloat32> x =
          tf.withName("x").placeholder(TFloat32.class, Placeholder.shape(Shape.of(-1)));
      Add<TFloat32> y = tf.withName("y").math.add(x, x);
      Signature signature =
          Signature.builder().key("serving_default").input("x", x).output("y", y).build();
      SavedModelBundle.exporter(folder.resolve("model").toString())
          .withFunction(SessionFunction.create(signature, session))
          .export();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    DoublingModel model = new DoublingModel(folder);
    model.contract("", "");
    model.golden(2, 4);
    return model;
  }

  Path model() {
    return folder.resolve("model");
  }

  Path contract() {
    return folder.resolve("contract.json");
  }

  Path golden() {
    return folder.resolve("golden.npz");
  }

  /** Writes the contract with one text for another. */
  void contract(String from, String to) {
    try {
      Files.writeString(contract(), from.isEmpty() ? CONTRACT : CONTRACT.replace(from, to));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes golden answers to 1 and 2. */
  void golden(float... answers) {
    try (OutputStream stream = Files.newOutputStream(golden());
        ZipOutputStream zip = new ZipOutputStream(stream)) {
      zip.putNextEntry(new ZipEntry("serving_default/pair/x.npy"));
      zip.write(npy(1, 2));
      zip.putNextEntry(new ZipEntry("serving_default/pair/y.npy"));
      zip.write(npy(answers));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] npy(float... values) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    byte[] header =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }\n"
            .formatted(values.length)
            .getBytes(StandardCharsets.US_ASCII);
    file.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) header.length, 0});
    file.write(header);
    ByteBuffer content = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    content.asFloatBuffer().put(values);
    file.write(content.array());
    return file.toByteArray();
  }
}
