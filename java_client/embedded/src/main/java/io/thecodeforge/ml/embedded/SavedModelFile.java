package io.thecodeforge.ml.embedded;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.contract.Declaration;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorMessage;
import io.thecodeforge.ml.contract.TensorSpec;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SavedModel;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorProto;
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
          SignatureDef::getInputsMap,
          SignatureDef::getOutputsMap,
          def -> messages(def.getDefaultsMap()),
          SavedModelFile::spec);

  private SavedModelFile() {}

  /**
   * Returns the signatures of one graph.
   *
   * @param tags the whole set of the graph's tags
   * @throws ModelLoadException when the file is missing or broken, or has no such graph
   */
  static Map<String, SignatureSpec> signatures(Path version, Collection<String> tags) {
    Path file = version.resolve("saved_model.pb");
    try (InputStream stream = new BufferedInputStream(Files.newInputStream(file))) {
      SavedModel model = SavedModel.parseFrom(stream);
      for (MetaGraphDef graph : model.getMetaGraphsList()) {
        if (Set.copyOf(graph.getMetaInfoDef().getTagsList()).equals(Set.copyOf(tags))) {
          return DECLARATION.signatures(graph.getSignatureDefMap());
        }
      }
      throw new ModelLoadException(
          "%s: expected a graph with the tags %s, found %s"
              .formatted(version, String.join(", ", tags), tagsOf(model)));
    } catch (NoSuchFileException e) {
      throw new ModelLoadException(
          "%s is no SavedModel: there is no %s".formatted(version, file), e);
    } catch (InvalidProtocolBufferException e) {
      throw new ModelLoadException("%s is damaged: %s".formatted(file, e.getMessage()), e);
    } catch (IOException e) {
      throw new ModelLoadException("%s cannot be read: %s".formatted(file, e), e);
    }
  }

  private static String tagsOf(SavedModel model) {
    if (model.getMetaGraphsCount() == 0) {
      return "no graph at all";
    }
    return model.getMetaGraphsList().stream()
        .map(graph -> graph.getMetaInfoDef().getTagsList())
        .map(tags -> tags.isEmpty() ? "none" : String.join(", ", tags))
        .collect(Collectors.joining(" and ", "graphs with ", "; name one with builder(…).tags(…)"));
  }

  private static Map<String, TensorMessage> messages(Map<String, TensorProto> tensors) {
    Map<String, TensorMessage> messages = new TreeMap<>();
    tensors.forEach((name, tensor) -> messages.put(name, message(tensor)));
    return messages;
  }

  /** Returns a tensor's message in the contract's own terms. */
  static TensorMessage message(TensorProto tensor) {
    TensorShapeProto shape = tensor.getTensorShape();
    return new TensorMessage(
        tensor.getDtypeValue(),
        shape.getUnknownRank()
            ? null
            : shape.getDimList().stream().mapToLong(TensorShapeProto.Dim::getSize).toArray(),
        tensor.getTensorContent().asReadOnlyByteBuffer(),
        numbers(tensor),
        tensor.getStringValList().stream().map(ByteString::toByteArray).toList());
  }

  private static List<? extends Number> numbers(TensorProto tensor) {
    return switch (tensor.getDtype()) {
      case DT_FLOAT -> tensor.getFloatValList();
      case DT_DOUBLE -> tensor.getDoubleValList();
      case DT_INT64 -> tensor.getInt64ValList();
      case DT_UINT32 -> tensor.getUint32ValList();
      case DT_UINT64 -> tensor.getUint64ValList();
      case DT_HALF, DT_BFLOAT16 -> tensor.getHalfValList();
      case DT_COMPLEX64 -> tensor.getScomplexValList();
      case DT_COMPLEX128 -> tensor.getDcomplexValList();
      case DT_BOOL -> tensor.getBoolValList().stream().map(flag -> flag ? 1 : 0).toList();
      default -> tensor.getIntValList();
    };
  }

  private static TensorSpec spec(TensorInfo info) {
    TensorShapeProto shape = info.getTensorShape();
    return TensorSpec.ofMessage(
        info.getDtypeValue(),
        shape.getUnknownRank(),
        shape.getDimList().stream().mapToLong(TensorShapeProto.Dim::getSize).toArray());
  }
}
