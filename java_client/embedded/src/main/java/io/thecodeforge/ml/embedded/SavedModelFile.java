package io.thecodeforge.ml.embedded;

import com.google.protobuf.InvalidProtocolBufferException;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.contract.Declaration;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorSpec;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SavedModel;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorShapeProto;

/**
 * What a SavedModel declares, read from its file.
 *
 * <p>TensorFlow Java refuses some broken signatures while it loads, in its own words and one at a
 * time. Reading the file first, a version is refused with every difference, before anything runs.
 */
final class SavedModelFile {

  private static final Declaration<SignatureDef, TensorInfo> DECLARATION =
      new Declaration<>(
          SignatureDef::getInputsMap, SignatureDef::getOutputsMap, SavedModelFile::spec);

  private SavedModelFile() {}

  /**
   * Returns the signatures of the graph that is made for serving.
   *
   * @throws ModelLoadException when the file is missing or broken, or has no such graph
   */
  static Map<String, SignatureSpec> signatures(Path version) {
    Path file = version.resolve("saved_model.pb");
    try (InputStream stream = new BufferedInputStream(Files.newInputStream(file))) {
      SavedModel model = SavedModel.parseFrom(stream);
      for (MetaGraphDef graph : model.getMetaGraphsList()) {
        if (graph.getMetaInfoDef().getTagsList().contains(SavedModelBundle.DEFAULT_TAG)) {
          return DECLARATION.signatures(graph.getSignatureDefMap());
        }
      }
      throw new ModelLoadException(
          "%s: expected a graph with the tag \"%s\", found none of its %d graphs to have it"
              .formatted(file, SavedModelBundle.DEFAULT_TAG, model.getMetaGraphsCount()));
    } catch (NoSuchFileException e) {
      throw new ModelLoadException(
          "%s is no SavedModel: there is no %s".formatted(version, file), e);
    } catch (InvalidProtocolBufferException e) {
      throw new ModelLoadException("%s is damaged: %s".formatted(file, e.getMessage()), e);
    } catch (IOException e) {
      throw new ModelLoadException("%s cannot be read: %s".formatted(file, e), e);
    }
  }

  private static TensorSpec spec(TensorInfo info) {
    TensorShapeProto shape = info.getTensorShape();
    return TensorSpec.ofMessage(
        info.getDtypeValue(),
        shape.getUnknownRank(),
        shape.getDimList().stream().mapToLong(TensorShapeProto.Dim::getSize).toArray());
  }
}
