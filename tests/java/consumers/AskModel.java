package org.example;

import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.embedded.ModelService;
import io.thecodeforge.ml.grpc.ModelGrpcClient;
import io.thecodeforge.ml.model.Model;
import java.nio.file.Path;
import java.util.Map;

/** Asks a model in this process ({@code embedded=FOLDER}) or on a server ({@code grpc=TARGET}). */
public final class AskModel {
  private AskModel() {}

  /** Prints an answer a line; arguments: the contract's file, then where to ask. */
  public static void main(String[] arguments) {
    Contract contract = Contract.load(Path.of(arguments[0]));
    for (int i = 1; i < arguments.length; i++) {
      String[] place = arguments[i].split("=", 2);
      try (Model model = open(place[0], place[1], contract)) {
        Map<String, TensorValue> inputs = Map.of("x", TensorValue.of(new float[] {1}, 1));
        System.out.println(model.predict(inputs).get("y").number(0));
      }
    }
  }

  private static Model open(String way, String where, Contract contract) {
    return switch (way) {
      case "embedded" -> ModelService.builder(Path.of(where)).contract(contract).load();
      case "grpc" -> ModelGrpcClient.builder(where).contract(contract).build();
      default -> throw new IllegalArgumentException("neither embedded nor grpc: " + way);
    };
  }
}
