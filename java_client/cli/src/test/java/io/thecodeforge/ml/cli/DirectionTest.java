package io.thecodeforge.ml.cli;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Which room may know which: no circles, one table, and no room in two modules. */
class DirectionTest {

  private static final String ROOT = "io.thecodeforge.ml";

  /** By package, the packages of ours that its classes name. */
  private static final Map<String, Set<String>> MAY_KNOW =
      Map.of(
          ROOT,
          Set.of(),
          ROOT + ".contract",
          Set.of(ROOT),
          ROOT + ".image",
          Set.of(ROOT, ROOT + ".answer"),
          ROOT + ".answer",
          Set.of(ROOT, ROOT + ".contract"),
          ROOT + ".model",
          Set.of(ROOT, ROOT + ".contract", ROOT + ".image", ROOT + ".answer"),
          ROOT + ".grpc.proto",
          Set.of(),
          ROOT + ".grpc",
          Set.of(
              ROOT,
              ROOT + ".contract",
              ROOT + ".image",
              ROOT + ".answer",
              ROOT + ".model",
              ROOT + ".grpc.proto"),
          ROOT + ".embedded",
          Set.of(ROOT, ROOT + ".contract", ROOT + ".image", ROOT + ".answer", ROOT + ".model"),
          ROOT + ".junit",
          Set.of(
              ROOT,
              ROOT + ".contract",
              ROOT + ".image",
              ROOT + ".grpc",
              ROOT + ".embedded",
              ROOT + ".model"),
          ROOT + ".cli",
          Set.of(ROOT, ROOT + ".contract", ROOT + ".grpc", ROOT + ".embedded", ROOT + ".model"));

  private static final JavaClasses CLASSES = classes();

  private static JavaClasses classes() {
    // Names are enough: looking up the insides of TensorFlow and gRPC would take half a minute.
    ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
    return new ClassFileImporter()
        .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
        .importPackages(ROOT);
  }

  @Test
  void everyPackageKnowsWhatTheTableSays() {
    Map<String, Set<String>> known = new TreeMap<>();
    for (JavaClass one : CLASSES) {
      Set<String> packages = known.computeIfAbsent(one.getPackageName(), name -> new TreeSet<>());
      for (Dependency dependency : one.getDirectDependenciesFromSelf()) {
        String other = dependency.getTargetClass().getPackageName();
        if (other.startsWith(ROOT) && !other.equals(one.getPackageName())) {
          packages.add(other);
        }
      }
    }
    Map<String, Set<String>> expected = new TreeMap<>();
    MAY_KNOW.forEach((name, others) -> expected.put(name, new TreeSet<>(others)));
    assertEquals(expected, known);
  }

  @Test
  void noCircles() {
    slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void noPackageIsInTwoModules() {
    Map<String, Set<String>> places = new TreeMap<>();
    for (JavaClass one : CLASSES) {
      String uri = one.getSource().orElseThrow().getUri().toString();
      String place =
          uri.substring(0, uri.length() - (one.getName().replace('.', '/') + ".class").length());
      places.computeIfAbsent(one.getPackageName(), name -> new TreeSet<>()).add(place);
    }
    places.forEach((name, found) -> assertEquals(1, found.size(), () -> name + ": " + found));
  }

  @Test
  void eachLibraryIsWhereItBelongs() {
    Map<String, Set<String>> users = new TreeMap<>();
    Map<String, String> libraries =
        Map.of(
            "org.tensorflow", "TensorFlow", "io.grpc", "gRPC", "com.google.protobuf", "protobuf");
    for (JavaClass one : CLASSES) {
      for (Dependency dependency : one.getDirectDependenciesFromSelf()) {
        libraries.forEach(
            (prefix, library) -> {
              if (dependency.getTargetClass().getPackageName().startsWith(prefix)) {
                users.computeIfAbsent(library, key -> new TreeSet<>()).add(one.getPackageName());
              }
            });
      }
    }
    assertEquals(
        Map.of(
            "TensorFlow", Set.of(ROOT + ".embedded"),
            "gRPC", Set.of(ROOT + ".grpc"),
            "protobuf", Set.of(ROOT + ".embedded", ROOT + ".grpc", ROOT + ".grpc.proto")),
        users);
  }
}
