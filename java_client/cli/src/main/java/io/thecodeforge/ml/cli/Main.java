package io.thecodeforge.ml.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/**
 * The command line: results as JSON lines on standard output, everything else on standard error.
 * Exit code 0 for success, 1 for failure, 2 for wrong usage.
 */
@Command(
    name = "vision-client",
    description = "Asks a vision model, in this process or on a server.",
    subcommands = {ClassifyCommand.class, DetectCommand.class},
    synopsisSubcommandLabel = "COMMAND",
    versionProvider = Main.ManifestVersion.class,
    mixinStandardHelpOptions = true)
public final class Main {

  /** The version that Maven wrote into the jar's manifest. */
  static final class ManifestVersion implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"vision-client " + Main.class.getPackage().getImplementationVersion()};
    }
  }

  private Main() {}

  /**
   * Runs a command and ends the process.
   *
   * @param args the command and its arguments
   */
  public static void main(String[] args) {
    // slf4j-simple reads its settings once, when the first logger is made.
    if (System.getProperty("org.slf4j.simpleLogger.defaultLogLevel") == null) {
      System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
    }
    System.exit(new CommandLine(new Main()).execute(args));
  }
}
