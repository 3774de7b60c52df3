package org.example;

import io.thecodeforge.ml.junit.SignatureContract;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The ranker is the one that this service was written for. */
class RankerContractTest {

  @TestFactory
  Stream<DynamicTest> theModelKeepsItsContract() {
    SignatureContract contract =
        SignatureContract.of(Path.of("ranker.contract.json"))
            .golden(Path.of("ranker.golden.npz"));
    String server = System.getProperty("ranker.server");
    return server == null
        ? contract.model(Path.of("model")).tests()
        : contract.server(server).tests();
  }
}
