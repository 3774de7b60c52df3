import java.io.File;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.gradle.api.Project;
import org.gradle.testfixtures.ProjectBuilder;

/**
 * Reads a build script and resolves its class paths, as Gradle does: this is Gradle, without its
 * command line, which no package registry has.
 *
 * <p>Arguments: the project's folder, Gradle's home, the address of a repository that the script
 * need not name, then the configurations. Prints {@code CONFIGURATION FILE} lines.
 */
public final class GradleBuild {
  private GradleBuild() {}

  /** Ends the process: Gradle leaves threads behind. */
  public static void main(String[] arguments) {
    int code = 1;
    try {
      run(new File(arguments[0]), arguments);
      code = 0;
    } catch (RuntimeException failure) {
      for (Throwable one = failure; one != null; one = one.getCause()) {
        System.err.println(one);
      }
    }
    System.out.flush();
    System.exit(code);
  }

  private static void run(File folder, String[] arguments) {
    Project project =
        ProjectBuilder.builder()
            .withProjectDir(folder)
            .withGradleUserHomeDir(new File(arguments[1]))
            .build();
    project.getRepositories().maven(ours -> ours.setUrl(arguments[2]));
    project.apply(Map.of("from", new File(folder, "build.gradle")));
    List<String> names = Arrays.asList(arguments).subList(3, arguments.length);
    for (String name : names) {
      for (File file : project.getConfigurations().getByName(name).resolve()) {
        System.out.println(name + " " + file);
      }
    }
  }
}
