package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.ModelLoadException;
import org.bytedeco.javacpp.Loader;
import org.tensorflow.TensorFlow;

/** TensorFlow's native library, which users choose by their platform. */
final class NativeLibrary {

  private static final String FOLDER = "org/tensorflow/internal/c_api/";

  private NativeLibrary() {}

  /** Returns the exception for a library that is missing, or that this machine cannot load. */
  static ModelLoadException unusable(LinkageError failure) {
    String platform = Loader.getPlatform();
    String file = FOLDER + platform + "/" + System.mapLibraryName("jnitensorflow");
    if (TensorFlow.class.getClassLoader().getResource(file) == null) {
      return new ModelLoadException(
          "TensorFlow's native library for %s is not on the class path: add the dependency "
                  .formatted(platform)
              + "org.tensorflow:tensorflow-core-native with the classifier %s, whose version "
                  .formatted(platform)
              + "vision-bom manages (there are linux-x86_64, linux-arm64, macosx-arm64 and "
              + "windows-x86_64)",
          failure);
    }
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return new ModelLoadException(
        "TensorFlow's native library for %s is on the class path and cannot be loaded: %s"
            .formatted(platform, root.getMessage()),
        failure);
  }
}
