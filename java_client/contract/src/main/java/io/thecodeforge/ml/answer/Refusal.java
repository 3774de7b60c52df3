package io.thecodeforge.ml.answer;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What TensorFlow, or a server with it, says of an input that it refuses: in plain words, and what
 * it is about. Python's {@code python_client._transport.refusals} reads by the same rule.
 */
public final class Refusal {

  /** What a refusal is about. */
  public enum About {
    /** An image that cannot be decoded. */
    IMAGE,
    /** A signature that is another than the one that was asked: names, dtypes, how many inputs. */
    SIGNATURE,
    /** Anything else: a value that the graph does not take. */
    INPUT
  }

  private static final Pattern NODE = Pattern.compile("\\s*\\{\\{(?:function_)?node [^}]*\\}\\}");
  private static final Pattern NODE_STACK = Pattern.compile("\\s*\\[\\[.*");
  private static final Pattern SEVERAL =
      Pattern.compile("^\\d+ root error\\(s\\) found\\.\\s+\\(0\\)\\s+(?:[A-Z_]+: )?(.*)");
  private static final Pattern ASSERTION = Pattern.compile("assertion failed: (\\[.*\\])");
  private static final Pattern PART = Pattern.compile("\\[((?:[^\\[\\]]|\\[[^\\[\\]]*\\])*)\\]");
  private static final Pattern SIGNATURE =
      Pattern.compile(
          "does not match signature|input alias|tensor alias not found|Expects arg\\[\\d+\\] to be"
              + "|tensor parsing error|Serving signature key .* not found|incompatible with expected"
              + "|must be uint8 \\[batch|must be a vector of at least one");
  private static final Pattern IMAGE =
      Pattern.compile("JPEG|PNG|GIF|BMP|WebP|[Ii]mage file|an image may have|DecodeImage");

  private Refusal() {}

  /**
   * Leaves out the names of the graph's nodes, which no caller knows, and the brackets that an
   * assertion puts around its words.
   *
   * @param said TensorFlow's own words, or null
   */
  public static String plain(String said) {
    if (said == null || said.isBlank()) {
      return "(no message)";
    }
    String line = firstError(said);
    line = NODE.matcher(line).replaceAll("");
    line = NODE_STACK.matcher(line).replaceAll("").strip();
    Matcher assertion = ASSERTION.matcher(line);
    if (assertion.find()) {
      StringBuilder words = new StringBuilder();
      Matcher parts = PART.matcher(assertion.group(1));
      while (parts.find()) {
        words.append(words.isEmpty() ? "" : " ").append(parts.group(1).strip());
      }
      line = line.substring(0, assertion.start()) + words;
    }
    return line.isEmpty() ? "(no message)" : line;
  }

  /** Returns the first line, or the first of the errors that a graph found at once. */
  private static String firstError(String said) {
    Matcher several = SEVERAL.matcher(said);
    return several.find() ? several.group(1) : said.strip().lines().findFirst().orElse("");
  }

  /**
   * Tells what a refusal is about.
   *
   * @param said TensorFlow's own words, or null
   */
  public static About about(String said) {
    String words = String.valueOf(said);
    if (SIGNATURE.matcher(words).find()) {
      return About.SIGNATURE;
    }
    return IMAGE.matcher(words).find() ? About.IMAGE : About.INPUT;
  }
}
